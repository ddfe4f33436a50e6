// What became of a write or a read, from its birth on: one line for each thing that happened to it.
