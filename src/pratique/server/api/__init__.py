"""The end-points of the registry (distribution specification): what each is asked and answers."""
