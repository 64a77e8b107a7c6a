package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"

	"jali/cmd/internal/house"
	"jali/internal/aggregate"
)

type importCmd struct {
	Person string   `help:"The person's id, as their settings page shows it." required:"" placeholder:"ID"`
	Accept bool     `help:"Take a file in although its own counts and sums disagree with its rows." name:"accept-mismatch"`
	Files  []string `arg:"" help:"Exported bill files." type:"existingfile"`
}

func (importCmd) Help() string {
	return `Example:
  jali import --person P4XK… alipay_record_20261101.csv 微信支付账单.xlsx

A file that disagrees with its own sums is shown and left alone; look at it and
say --accept-mismatch to take it in. Importing the same bills twice changes nothing.`
}

func (i *importCmd) Run(c *cli) error {
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer t.Close()
	left := 0
	for _, name := range i.Files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		var done house.Import
		err = t.Do(background(), http.MethodPost, "/people/"+url.PathEscape(i.Person)+"/bills?accept_mismatch="+strconv.FormatBool(i.Accept), f, &done)
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		printReport(name, done.Report)
		if !done.Taken {
			fmt.Println("  not imported: say --accept-mismatch to take it in all the same")
			left++
		}
	}
	if left > 0 {
		return &house.Refusal{Code: "file_disagrees", Detail: fmt.Sprintf("%d of %d files were not imported", left, len(i.Files))}
	}
	return nil
}

func printReport(name string, r aggregate.ImportReport) {
	fmt.Printf("%s: %s, %d bills, %d of them known already\n", name, r.Format, r.Rows, r.Known)
	for _, s := range r.Sums {
		fmt.Printf("  %-9s %5d  %s\n", s.Flow, s.Count, s.Sum)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Kinds)) {
		fmt.Printf("  %-12s %d\n", k, r.Kinds[k])
	}
	for _, p := range r.Problems {
		fmt.Printf("  the file disagrees with itself: %s of %s: it claims %d bills, %s; its rows are %d, %s\n",
			p.Code, p.Of, p.ClaimedCount, p.Claimed, p.RowCount, p.Rows)
	}
}
