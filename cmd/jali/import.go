package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"jali/cmd/internal/house"
	"jali/connectors/billfile"
	"jali/internal/aggregate"
	"jali/internal/fault"
)

type importCmd struct {
	Person       string   `help:"The person's id, as their settings page shows it." placeholder:"ID"`
	DryRun       bool     `help:"Only say what would come in. Without --person it needs no server, and looks at the files alone." name:"dry-run"`
	JSON         bool     `help:"Say it as JSON." name:"json"`
	Accept       bool     `help:"Take a file in although its own counts and sums disagree with its rows." name:"accept-mismatch"`
	Account      string   `help:"Which account the files tell of that name none: as the person calls it, or its product's name. One that is not here yet comes to be." placeholder:"NAME"`
	PasswordFile string   `help:"File with the passwords of archives, one a line. Without it, and without $JALI_FILE_PASSWORD, a terminal is asked." name:"password-file" type:"existingfile" placeholder:"FILE"`
	Mapping      string   `help:"File that says what the columns of a table are that Jali does not know (see --draw-mapping)." type:"existingfile" placeholder:"FILE"`
	DrawMapping  bool     `help:"Guess such a file from a table, to be looked through and completed." name:"draw-mapping"`
	Files        []string `arg:"" help:"Exported bill files: CSV, XLSX, XLS, CAMT, MT940, OFX, or the ZIP that came by mail." type:"existingfile"`
}

func (importCmd) Help() string {
	return `Examples:
  jali import --dry-run alipay_record_20261101.csv 微信支付账单.zip
  jali import --person P4XK… alipay_record_20261101.csv 微信支付账单.xlsx
  jali import --person P4XK… --account 工资卡 abc-2026.csv
  jali import --draw-mapping riverbank.csv > riverbank.json
  jali import --person P4XK… --mapping riverbank.json riverbank.csv

--dry-run prints, for each file and for all together, what would come in and
what of it tells of one movement twice. For that it holds the bills in memory,
some 800 bytes each; taking files in does not. A file that disagrees with its own
sums is shown and left alone; look at it and say --accept-mismatch to take it in.
Importing the same bills twice changes nothing. Many banks' files do not say of
which card they tell: without --account they are of the person's only one there,
unless bills would be lost among its own, and where there are several, of the one
that has most of their bills. A file comes in whole or not at all, also when the
import is interrupted. A password is never an argument: other users of the
machine can see those.

Exit status: 0 all files came in, or would; 1 one did not, and why is said; 2 it could
not be tried, or was interrupted.`
}

// Validate is asked by kong.
func (i *importCmd) Validate() error {
	if i.Person == "" && !i.DryRun && !i.DrawMapping {
		return errors.New("say whose bills these are with --person, or only look at them with --dry-run")
	}
	return nil
}

func (i *importCmd) Run(c *cli) error {
	ctx, stop := signal.NotifyContext(background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	keys, err := i.passwords(ctx)
	if err != nil {
		return err
	}
	m, err := i.mapping()
	if err != nil {
		return err
	}
	switch {
	case i.DrawMapping:
		return i.draw(keys)
	case i.DryRun && i.Person == "":
		return i.see(ctx, keys, m)
	}
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer t.Close()
	all, left, err := i.take(ctx, t, keys, m)
	if i.JSON {
		err = errors.Join(err, printJSON(all))
	}
	if err != nil {
		return err
	}
	return leftAlone(left, len(i.Files), "not imported")
}

// take brings one file after the other to the server, and says what came of
// each. A file that cannot be read does not keep the others out.
func (i *importCmd) take(ctx context.Context, t *house.Talker, keys *passwords, m *billfile.Mapping) (all []told, left int, err error) {
	for _, name := range i.Files {
		var done house.Import
		err := keys.try(name, func(o billfile.Options) error {
			o.Mapping = m
			var err error
			done, err = i.send(ctx, t, name, aggregate.Taking{Options: o, Accept: i.Accept, Dry: i.DryRun, Called: i.Account})
			return err
		})
		if ctx.Err() != nil {
			return all, left, fmt.Errorf("interrupted: nothing of %s was stored", name)
		}
		if unread := ofFile(err); unread != nil {
			left++
			all = append(all, told{File: name, Code: unread.Code, Detail: unread.Detail})
			if !i.JSON {
				fmt.Fprintf(os.Stderr, "%s: %v\n", name, unread)
			}
			continue
		}
		if err != nil {
			return all, left, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, told{File: name, Import: &done})
		if !i.JSON {
			printReport(name, done.Report)
		}
		if refused := len(done.Report.Problems) > 0 && !i.Accept; refused {
			left++
			if !i.JSON {
				fmt.Println("  not imported: say --accept-mismatch to take it in all the same")
			}
		}
	}
	return all, left, nil
}

// told is what came of a file: what the server says of it, or why it could not
// be read.
type told struct {
	File string `json:"file"`
	*house.Import
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail,omitempty"`
}

func leftAlone(left, of int, how string) error {
	if left == 0 {
		return nil
	}
	return &house.Refusal{Code: "files_left", Detail: fmt.Sprintf("%s: %d of %s", how, left, many(of, "file"))}
}

// ofFile is what is wrong with a file itself, in words of this verb; nil if err
// is about something else.
func ofFile(err error) *house.Refusal {
	r := &house.Refusal{}
	var e *fault.Error
	if errors.As(err, &e) {
		r = &house.Refusal{Code: e.Code, Detail: e.Detail}
	} else if !errors.As(err, &r) {
		return nil
	}
	switch r.Code {
	case billfile.ErrUnmapped.Code:
		r.Detail = "this is a table, and nobody has said what its columns are: see --draw-mapping and --mapping"
	case aggregate.ErrWhich.Code:
		r.Detail = "the file does not say of which account it tells, and this person has several: say --account NAME"
	case billfile.ErrUnknown.Code, billfile.ErrDamaged.Code, billfile.ErrTooLarge.Code, billfile.ErrPassword.Code, billfile.ErrInterrupted.Code, billfile.ErrMapping.Code:
	default:
		return nil
	}
	return r
}

// send hands one file to the server, and shows how far it is.
func (i *importCmd) send(ctx context.Context, t *house.Talker, name string, how aggregate.Taking) (house.Import, error) {
	f, err := os.Open(name)
	if err != nil {
		return house.Import{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return house.Import{}, err
	}
	show := newShowing(info.Size())
	defer show.end()
	how.Progress = func(p aggregate.Progress) { show.tell(p.Stage, int64(p.Done), int64(p.Of)) }
	return t.Import(ctx, i.Person, &passing{f, info.Size(), 0, show}, info.Size(), how)
}

// passing tells how much of a file has been sent.
type passing struct {
	io.Reader
	size, sent int64
	show       *showing
}

func (p *passing) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.sent += int64(n)
	p.show.tell("sending", p.sent, p.size)
	return n, err
}

// mapping reads the file that --mapping names.
func (i *importCmd) mapping() (*billfile.Mapping, error) {
	if i.Mapping == "" {
		return nil, nil
	}
	data, err := os.ReadFile(i.Mapping)
	if err != nil {
		return nil, err
	}
	var m billfile.Mapping
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%s is not what --draw-mapping writes: %w", i.Mapping, err)
	}
	return &m, nil
}

// draw prints what a table's columns seem to be.
func (i *importCmd) draw(keys *passwords) error {
	if len(i.Files) != 1 {
		return errors.New("--draw-mapping takes one file")
	}
	var u *billfile.Unmapped
	err := keys.try(i.Files[0], func(o billfile.Options) error {
		_, err := openFile(i.Files[0], o)
		return err
	})
	switch {
	case err == nil:
		return &house.Refusal{Code: "file_known", Detail: "the columns of this file are known; import it as it is"}
	case !errors.As(err, &u):
		if wrong := ofFile(err); wrong != nil {
			err = wrong
		}
		return fmt.Errorf("%s: %w", i.Files[0], err)
	}
	if err := printJSON(u.Guess()); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, `Look through it; give "source" the institution's name and "account" the account's.`)
	return nil
}

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func printReport(name string, r aggregate.ImportReport) {
	fmt.Printf("%s: %s, %s, %d of them known already\n", name, r.Format, many(r.Rows, "bill"), r.Known)
	for _, a := range r.Accounts {
		if len(r.Accounts) > 1 {
			fmt.Printf("  %s: %s, %d of them known already\n", accountName(a.Name, a.Tail, a.Currency), many(a.Rows, "bill"), a.Known)
		}
	}
	flows := columns{indent: "  ", right: " rr"}
	for _, s := range r.Sums {
		flows.add(string(s.Flow), fmt.Sprint(s.Count), s.Sum.String())
	}
	fmt.Print(flows.String())
	kinds := columns{indent: "  ", right: " r"}
	for _, k := range slices.Sorted(maps.Keys(r.Kinds)) {
		kinds.add(string(k), grouped(int64(r.Kinds[k])))
	}
	fmt.Print(kinds.String())
	for _, p := range r.Problems {
		fmt.Println("  the file disagrees with itself: " + disagreement(p))
	}
}
