package server

import (
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/brake"
	"jali/internal/fault"
)

// Brakes of the data API; a nil one allows everything.
type Brakes struct {
	Address *brake.Brake
	Grant   *brake.Brake
}

// guessWeight is how many tries a refused token or proof costs an address
// beyond its own.
const guessWeight = 9

// braked authenticates a request: what its address has left is asked before
// any work is done, and what its grant has left once the token is known to be
// the sender's.
func (s *Server) braked(c echo.Context) (Caller, error) {
	r, h := c.Request(), c.Response().Header()
	address := brake.Address(r.RemoteAddr)
	if a := s.Brakes.Address.Take(address); !a.OK {
		a.Tell(h)
		return Caller{}, a.Err()
	}
	caller, err := s.Authenticate(h, r)
	if err != nil {
		switch fault.Of(err).Code {
		case "invalid_token", "invalid_dpop_proof": // and neither a nonce to fetch nor a grant that has ended
			s.Brakes.Address.Charge(address, guessWeight)
		}
		return Caller{}, err
	}
	a := s.Brakes.Grant.Take(string(caller.Grant))
	a.Tell(h)
	for _, q := range s.uses(caller.Given, caller.Given.Left(s.Now())) {
		q.Tell(h)
	}
	return caller, a.Err()
}

// uses is the quota of a grant that has so many left of its uses today; one
// whose uses are counted once has none.
func (s *Server) uses(g consent.Grant, left int) []brake.Quota {
	if g.Agreed.Uses.Per == "" {
		return nil
	}
	now := s.Now()
	return []brake.Quota{{Name: "uses", Limit: g.Agreed.Uses.Limit, Window: day, Left: left, Reset: g.DayEnds(now).Sub(now)}}
}

// readings are the quotas of a view's sources that may be read so often a day
// while the person is not there. Of a source with several connections the one
// with the fewest left counts. No source is called as a limit of ours.
func (s *Server) readings(reports []aggregate.Report) []brake.Quota {
	var list []brake.Quota
	for _, r := range reports {
		u := r.Unattended
		if u == nil {
			continue
		}
		q := brake.Quota{Name: "source-" + r.Source, Limit: u.Limit, Window: day, Left: u.Left, Reset: u.ResetsAt.Sub(s.Now())}
		if i := slices.IndexFunc(list, func(o brake.Quota) bool { return o.Name == q.Name }); i < 0 {
			list = append(list, q)
		} else if q.Left < list[i].Left {
			list[i] = q
		}
	}
	return list
}

const day = 24 * time.Hour
