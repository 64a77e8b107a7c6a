package client_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"jali/openapi/client"
)

// A grant for four looks a day: its tokens are kept, and a session goes on with
// them later, which gets new access tokens as it needs them.
func ExampleClient_Session() {
	ctx := context.Background()
	bank := registered()
	authorization, err := bank.Push(ctx, client.AccountView{
		Datatypes: []client.Datatype{"balances"}, Purpose: "balance_overview", Uses: client.Uses{Limit: 4, Per: "day"},
	}, client.Managing())
	if err != nil {
		log.Fatal(err)
	}
	session, err := bank.Redeem(ctx, authorization, decide(authorization.URL, "allow"))
	if err != nil {
		log.Fatal(err)
	}
	kept, _ := json.Marshal(session.Token()) // a secret: store it as one

	var token client.Token
	if err := json.Unmarshal(kept, &token); err != nil {
		log.Fatal(err)
	}
	later := bank.Session(token)
	if err := later.Renew(ctx); err != nil { // or leave it to the next call
		log.Fatal(err)
	}
	view, err := later.OpenView(ctx, client.OpenViewParams{IdempotencyKey: rand.Text()}, client.Want{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("uses left today:", view.UsesLeft)

	grant, err := later.ReadGrant(ctx, token.GrantID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(grant.State, "for", grant.AuthorizationDetails[0].Uses.Limit, "a", grant.AuthorizationDetails[0].Uses.Per)
	fmt.Println("given back:", later.RevokeGrant(ctx, token.GrantID) == nil)
	// Output:
	// uses left today: 3
	// given for 4 a day
	// given back: true
}

// A person stands at a counter and reads out the code on their phone, where
// they decide.
func ExampleClient_Ask() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	bank := registered()
	asked, err := bank.Ask(ctx, introduction(), "W4SCT", client.AccountView{
		Datatypes: []client.Datatype{"balances"}, Purpose: "balance_overview", Uses: client.Uses{Limit: 1},
	})
	if err != nil {
		log.Fatal(err)
	}
	decideElsewhere(asked.ID, "allow") // as they do on their own device, meanwhile
	session, err := bank.Await(ctx, asked)
	if err != nil {
		log.Fatal(err)
	}
	view, err := session.OpenView(ctx, client.OpenViewParams{IdempotencyKey: rand.Text()}, client.Want{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("accounts are seen:", len(view.Accounts) > 0)
	// Output: accounts are seen: true
}

// What is refused says by its code what to do.
func ExampleProblem() {
	ctx := context.Background()
	bank := registered()
	authorization, err := bank.Push(ctx, client.AccountView{
		Datatypes: []client.Datatype{"balances"}, Purpose: "balance_overview", Uses: client.Uses{Limit: 1},
	})
	if err != nil {
		log.Fatal(err)
	}
	session, err := bank.Redeem(ctx, authorization, decide(authorization.URL, "allow"))
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		_, err := session.OpenView(ctx, client.OpenViewParams{IdempotencyKey: rand.Text()}, client.Want{})
		var problem *client.Problem
		switch {
		case err == nil:
			fmt.Println("a view")
		case !errors.As(err, &problem):
			log.Fatal(err) // Jali could not be reached
		case problem.Action == client.ProblemActionAskAgain:
			fmt.Println(problem.Code + ": ask the person again")
		case problem.Owner == client.ProblemOwnerUs:
			fmt.Println("quote", problem.RequestID, "to the operator")
		}
	}
	// Output:
	// a view
	// grant_spent: ask the person again
}

// What happens to a client's grants comes to its webhook_uri. An event may come
// more than once, always under the same ID.
func ExampleClient_Webhook() {
	events := make(chan client.Event, 10)
	var hook http.Handler
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hook.ServeHTTP(w, r) }))
	defer app.Close()

	bank := registeredWith(map[string]any{"webhook_uri": app.URL})
	hook = bank.Webhook(func(_ context.Context, e client.Event) error {
		switch e.Type {
		case "grant.revoked", "grant.expired", "retention.ended":
			// Delete what was kept of e.Data.Grant.
		}
		events <- e // an error instead: it comes again
		return nil
	})

	authorization, err := bank.Push(context.Background(), client.AccountView{
		Datatypes: []client.Datatype{"balances"}, Purpose: "balance_overview", Uses: client.Uses{Limit: 1},
	})
	if err != nil {
		log.Fatal(err)
	}
	decide(authorization.URL, "deny")
	fmt.Println((<-events).Type)
	// Output: grant.refused
}
