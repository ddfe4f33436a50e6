// The space-time diagram: a line for each node, time to the right, each message a slanted line.
