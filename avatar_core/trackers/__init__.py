"""How a road knows what was heard: our worker's reports, stock RPCs, the clock."""
