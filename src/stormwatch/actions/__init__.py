"""Stage 8: proposals, a second person's approval, delivery to gateways, probes, reversal, decisions."""
