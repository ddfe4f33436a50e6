// The faults and changes of this run as a list: each can be moved in time and removed.
