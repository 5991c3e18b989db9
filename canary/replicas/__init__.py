"""Which replica of the controller acts: Leases, members that agree, and each member's share."""
