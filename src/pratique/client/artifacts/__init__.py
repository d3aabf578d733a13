"""Artifacts as a program uses them: files pushed, pulled and attached; what refers to what; whole repositories saved."""
