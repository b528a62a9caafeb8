"""Random tables and random plans, each from a seed, and what must become of them by lua/REFERENCE.md alone. See test_campaign.py."""
