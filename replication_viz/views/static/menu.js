// The menu of a node or a link: which faults fit there, and which can be ended.
