"""The dashboard: shows the metrics, the roadmap and what is open now; acts for people who have signed in."""
