"""Stage 7: assessments above the threshold as cases: queue, evidence file, review, reveal, outcomes."""
