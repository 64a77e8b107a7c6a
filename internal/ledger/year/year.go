// Package year makes up a person's year with wallets, cards and merchants'
// apps, from a seed: bills as their sources would tell them, and the truth of
// which belong together. It serves tests and knows nothing of how others find
// that truth.
package year
