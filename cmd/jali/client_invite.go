package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"
	"time"

	"jali/cmd/internal/house"
	"jali/consent/oauth"
)

type clientInvite struct {
	Uses    int           `help:"How many clients may register by it." default:"1" placeholder:"N"`
	Expires time.Duration `help:"For how long." default:"168h" placeholder:"DURATION"`
}

func (clientInvite) Help() string {
	return `Whoever has the token registers clients at /oauth/register (RFC 7591), which is
closed as long as no invitation holds. The token is printed once and kept nowhere.

Example:
  jali client invite --uses 2 --expires 24h`
}

func (i *clientInvite) Run(c *cli) error {
	var made house.Invited
	if err := c.ask(http.MethodPost, "/invites", house.NewInvite{Uses: i.Uses, Life: i.Expires}, &made); err != nil {
		return err
	}
	fmt.Println(made.Token)
	fmt.Fprintf(os.Stderr, "%s: for %d, until %s; shown this once\n", made.ID, made.Left, made.Until.Format(time.RFC3339))
	return nil
}

type clientInvites struct{}

func (clientInvites) Run(c *cli) error {
	var list []oauth.Invite
	if err := c.ask(http.MethodGet, "/invites", nil, &list); err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, one := range list {
		fmt.Fprintf(w, "%s\tfor %d\tuntil %s\n", one.ID, one.Left, one.Until.Format(time.RFC3339))
	}
	return w.Flush()
}

type clientUninvite struct {
	ID string `arg:"" help:"The invitation's id, as jali client invites lists it."`
}

func (u *clientUninvite) Run(c *cli) error {
	return c.ask(http.MethodDelete, "/invites/"+url.PathEscape(u.ID), nil, nil)
}
