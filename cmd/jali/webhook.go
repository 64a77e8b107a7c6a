package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"jali/cmd/internal/house"
	"jali/internal/webhook"
)

type webhookCmd struct {
	List   webhookList   `cmd:"" help:"List the newest events and what became of them."`
	Replay webhookReplay `cmd:"" help:"Deliver events once more."`
	Test   webhookTest   `cmd:"" help:"Send a signed test event and say what the client answered."`
	Resume webhookResume `cmd:"" help:"Tell a client again that answered 410 Gone."`
	Set    webhookSet    `cmd:"" help:"Say where a client is told, or that it is told nowhere."`
}

func webhookPath(client, verb string) string {
	return "/clients/" + url.PathEscape(client) + "/webhook" + verb
}

type webhookList struct {
	Client string `help:"Of this client alone." placeholder:"ID"`
	Failed bool   `help:"Only what was given up or dropped, or has failed and will be tried again."`
}

func (webhookList) Help() string {
	return `Newest first, at most 200 of each client. "last" is what the last try met:
the client's HTTP status, or why none came. Events are kept for 30 days.

Example:
  jali webhook list --client client_ABC --failed`
}

func (l *webhookList) Run(c *cli) error {
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer t.Close()
	var list []webhook.Delivery
	query := url.Values{"client": {l.Client}, "failed": {strconv.FormatBool(l.Failed)}}
	if err := t.Do(background(), http.MethodGet, "/webhooks?"+query.Encode(), nil, &list); err != nil {
		return err
	}
	if len(list) == 0 {
		fmt.Fprintln(os.Stderr, "no events")
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "at\tclient\tevent\ttype\tgrant\tstate\tfailed\tlast\tnext")
	for _, d := range list {
		last, next := "-", "-"
		if d.Last != "" {
			last = d.Last
		}
		if !d.Next.IsZero() {
			next = d.Next.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n",
			d.At.Format(time.RFC3339), d.Client, d.ID, d.Type, d.Grant, d.State, d.Tries, last, next)
	}
	return w.Flush()
}

type webhookReplay struct {
	Client string    `help:"The client." required:"" placeholder:"ID"`
	Event  string    `help:"This event." placeholder:"ID" xor:"what" required:""`
	Since  time.Time `help:"All events from this moment on, oldest first." placeholder:"TIME" xor:"what" required:""`
}

func (webhookReplay) Help() string {
	return `An event keeps its id, by which the client knows that it has had it. What
still waits is tried at once.

Examples:
  jali webhook replay --client client_ABC --event 4QZ7
  jali webhook replay --client client_ABC --since 2026-11-22T08:00:00+08:00`
}

func (r *webhookReplay) Run(c *cli) error {
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer t.Close()
	var n int
	err = t.DoJSON(background(), http.MethodPost, webhookPath(r.Client, "/replay"), house.ReplayOf{Event: r.Event, Since: r.Since}, &n)
	if err != nil {
		return err
	}
	fmt.Printf("%d queued\n", n)
	return nil
}

type webhookTest struct {
	Client string `help:"The client." required:"" placeholder:"ID"`
}

func (webhookTest) Help() string {
	return `The event is of type webhook.test, is sent once and not kept.

Example:
  jali webhook test --client client_ABC`
}

func (w *webhookTest) Run(c *cli) error {
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer t.Close()
	var tested webhook.Tested
	if err := t.Do(background(), http.MethodPost, webhookPath(w.Client, "/test"), nil, &tested); err != nil {
		return err
	}
	fmt.Println(tested.ID, tested.Said)
	if !tested.Taken {
		return errors.New("the client did not take the event: " + meaning(tested.Said))
	}
	return nil
}

// meaning says what an operator can do about it.
func meaning(said string) string {
	switch said {
	case "no_answer":
		return "no whole answer came within 15 s, or no connection"
	case "address_refused":
		return "its address is neither https nor on this machine, or leads to a private network, which only --allow-private reaches"
	case "answer_too_large":
		return "its answer is larger than 16 KiB; an empty one is enough"
	}
	return "it answered " + said + ", and only 2xx is a yes"
}

type webhookResume struct {
	Client string `help:"The client." required:"" placeholder:"ID"`
}

func (r *webhookResume) Run(c *cli) error {
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer t.Close()
	var done bool
	return t.Do(background(), http.MethodPost, webhookPath(r.Client, "/resume"), nil, &done)
}

type webhookSet struct {
	Client string `help:"The client." required:"" placeholder:"ID"`
	URI    string `help:"https, or http on loopback. Without it the client is told nowhere, and what waits for it is dropped." name:"uri" placeholder:"URI"`
}

func (s *webhookSet) Run(c *cli) error {
	t, err := c.talk()
	if err != nil {
		return err
	}
	defer t.Close()
	var done bool
	return t.DoJSON(background(), http.MethodPost, webhookPath(s.Client, ""), s.URI, &done)
}
