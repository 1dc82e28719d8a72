"""The operations over HTTP: who is let in, how requests are read, and what is answered."""
