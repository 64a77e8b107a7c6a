package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// settings is a config file: flags by their names, and sources beside them.
type settings map[string]any

// loadYAML reads a config file for kong.
func loadYAML(r io.Reader) (kong.Resolver, error) {
	s := settings{}
	if err := yaml.NewDecoder(r).Decode(&s); err != nil && err != io.EOF {
		return nil, fmt.Errorf("the config file is not YAML: %w", err)
	}
	return s, nil
}

// Validate refuses a setting that no flag has, so that a slip of the pen does
// not pass for a setting made.
func (s settings) Validate(app *kong.Application) error {
	known := map[string]bool{"sources": true}
	var collect func(n *kong.Node)
	collect = func(n *kong.Node) {
		for _, f := range n.Flags {
			known[f.Name] = true
		}
		for _, c := range n.Children {
			collect(c)
		}
	}
	collect(app.Node)
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if !known[name] {
			return fmt.Errorf("the config file sets %q, which is no setting", name)
		}
	}
	return nil
}

// Resolve answers the file's value of a flag; flags and environment win over it.
func (s settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs { // kong asks resolvers after the environment, and lets them win
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	v, ok := s[flag.Name]
	if !ok {
		return nil, nil
	}
	if list, ok := v.([]any); ok {
		words := make([]string, len(list))
		for i, e := range list {
			words[i] = fmt.Sprint(e)
		}
		return strings.Join(words, ","), nil
	}
	return fmt.Sprint(v), nil
}
