"""`milepost demo migrate`: the airlines of 2013 are moved from a monolith to the service, week by week."""
