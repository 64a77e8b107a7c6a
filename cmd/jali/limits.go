package main

import (
	"errors"
	"time"

	"jali/connectors"
)

// limits are what the operator has agreed with a source, or knows of it. What
// is left out is as the dialect has it published; what a dialect can tell no
// more of, it bounds itself.
type limits struct {
	HistoryDays   int     `yaml:"history-days"`
	WindowDays    int     `yaml:"window-days"`
	AtOnce        int     `yaml:"calls-at-once"`       // of one connection
	TotalAtOnce   int     `yaml:"total-calls-at-once"` // of all persons together
	PerSecond     float64 `yaml:"calls-per-second"`
	PerDay        int     `yaml:"calls-per-day"`
	UnattendedDay int     `yaml:"unattended-per-day"` // readings of one connection without its person
	Hedge         bool    `yaml:"hedge"`
}

func (l limits) of(s connectors.Source) (connectors.Source, error) {
	if min(l.HistoryDays, l.WindowDays, l.AtOnce, l.TotalAtOnce, l.PerDay, l.UnattendedDay) < 0 || !(l.PerSecond >= 0) {
		return s, errors.New("limits are not below zero")
	}
	const day = 24 * time.Hour
	s.History, s.MaxWindow = time.Duration(min(l.HistoryDays, 100_000))*day, time.Duration(min(l.WindowDays, 100_000))*day
	s.Concurrent, s.Total, s.PerSecond, s.PerDay, s.Unattended, s.Hedge = l.AtOnce, l.TotalAtOnce, l.PerSecond, l.PerDay, l.UnattendedDay, l.Hedge
	return s, nil
}
