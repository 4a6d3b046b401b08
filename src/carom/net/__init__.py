"""The director's own network: its NIC, its neighbours, and how it tells the segment where a VIP is."""
