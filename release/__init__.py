"""What is made of a checkout for other people: wheel, source archive, single file, bill of materials."""
