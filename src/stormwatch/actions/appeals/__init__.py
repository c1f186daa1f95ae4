"""What account holders answer: one-time codes, appeals, their review by somebody who did not decide, the settlement."""
