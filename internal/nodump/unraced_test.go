//go:build !race

package nodump

const raced = false
