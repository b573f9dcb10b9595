"""The language of the program: frozen values, standard library only, no input or output."""
