//go:build !race

package main

const raced = false // the race detector makes everything some ten times slower
