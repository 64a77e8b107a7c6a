package server

import (
	"context"
	"net/http"
	"time"

	"jali/consent"
	"jali/internal/aggregate"
	"jali/internal/brake"
	"jali/openapi"
)

// ListSources is public: it tells what this installation can connect.
func (s *Server) ListSources(context.Context, openapi.ListSourcesRequestObject) (openapi.ListSourcesResponseObject, error) {
	list := openapi.ListSources200JSONResponse{Sources: []openapi.Source{}}
	for _, src := range s.Views.Offers() {
		list.Sources = append(list.Sources, openapi.Source{
			ID: src.ID, Name: openapi.Name{Zh: src.Name.ZH, En: src.Name.EN}, Kind: openapi.SourceKind(src.Kind),
			HistoryDays: days(src.History), Datatypes: datatypes(src.Tells),
			Limits: openapi.SourceLimits{UnattendedPerDay: src.Unattended, WindowDays: days(src.MaxWindow), PageSize: src.PageSize,
				CallsAtOnce: src.Concurrent, CallsPerSecond: float32(src.PerSecond), CallsPerDay: src.PerDay},
		})
	}
	return list, nil
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }

func datatypes(words []string) []openapi.Datatype {
	list := make([]openapi.Datatype, 0, len(words))
	for _, w := range words {
		list = append(list, openapi.Datatype(w))
	}
	return list
}

// OpenView spends one use of the caller's grant and answers with what it
// opened. A failure after the spend does not give the use back: the sources
// have been asked, and a repeat with the same key asks again at no cost.
func (s *Server) OpenView(ctx context.Context, r openapi.OpenViewRequestObject) (openapi.OpenViewResponseObject, error) {
	c := callerFrom(ctx)
	present, err := presence(r.Params.XFapiCustomerIPAddress, r.Params.XFapiAuthDate, r.Params.XCustomerUserAgent, s.Now())
	if err != nil {
		return nil, err
	}
	v, err := s.Views.Open(ctx, aggregate.OpenRequest{
		Grant: c.Grant, Client: c.Client, Key: r.Params.IdempotencyKey, Want: wanted(r.Body), Present: present,
	})
	if err != nil {
		return nil, err
	}
	answer := opened{view: openapi.OpenView201JSONResponse(viewToWire(v))}
	if !v.Again { // else nothing was spent, and what is left now was told with the grant
		answer.quotas = append(s.uses(c.Given, v.UsesLeft), s.readings(v.Sources)...)
	}
	return answer, nil
}

// opened is a view with what is left of the budgets that it was charged to.
type opened struct {
	view   openapi.OpenView201JSONResponse
	quotas []brake.Quota
}

func (o opened) VisitOpenViewResponse(w http.ResponseWriter) error {
	for _, q := range o.quotas {
		q.Tell(w.Header())
	}
	return o.view.VisitOpenViewResponse(w)
}

// ReadView answers an open view again.
func (s *Server) ReadView(ctx context.Context, r openapi.ReadViewRequestObject) (openapi.ReadViewResponseObject, error) {
	c := callerFrom(ctx)
	v, err := s.Views.Get(ctx, c.Client, c.Grant, r.ID)
	if err != nil {
		return nil, err
	}
	return openapi.ReadView200JSONResponse(viewToWire(v)), nil
}

// ListBills answers a page of an open view's bills.
func (s *Server) ListBills(ctx context.Context, r openapi.ListBillsRequestObject) (openapi.ListBillsResponseObject, error) {
	c := callerFrom(ctx)
	page, err := s.Views.Page(ctx, c.Client, c.Grant, r.ID, r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	return openapi.ListBills200JSONResponse(pageToWire(page)), nil
}

func wanted(body *openapi.Want) aggregate.Want {
	var w aggregate.Want
	if body == nil {
		return w
	}
	w.Sources = body.Sources
	for _, d := range body.Datatypes {
		w.Datatypes = append(w.Datatypes, consent.Datatype(d))
	}
	return w
}
