"""Graph -> Graph: the same program, with fewer and better equations."""
