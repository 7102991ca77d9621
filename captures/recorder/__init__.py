"""What `record.py` is made of: a lab of network namespaces, the programs in it, the scenarios."""
