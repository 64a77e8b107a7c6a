package page

import (
	"embed"

	"jali/internal/look"
)

//go:embed static/*
var staticFiles embed.FS

// statics are what the pages' own parts need, beside what all pages look by.
var statics = look.Serve("/static/", look.Static, look.In(staticFiles, "static"))

// asset is the URL of a static file, which changes with its content.
func asset(name string) string { return statics.URL(name) }
