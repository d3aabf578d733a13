"""The command line: a thin shell over the library. Arguments in, one library call, output out."""
