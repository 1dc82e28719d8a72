"""The command line: it reads words, asks a client, and shows what it is told."""
