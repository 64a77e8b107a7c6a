//go:build !race

package consent

const raced = false
