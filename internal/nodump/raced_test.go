//go:build race

package nodump

const raced = true // such a process has terabytes to dump
