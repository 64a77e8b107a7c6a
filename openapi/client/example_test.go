package client_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"

	"jali/openapi/client"
)

// A registered client asks for one look, the person agrees, and the client
// reads balances and bills.
func Example() {
	ctx := context.Background()
	key, err := client.ParseKey(sandbox().Clients[1].JWKS) // your private key
	if err != nil {
		log.Fatal(err)
	}
	bank := &client.Client{Issuer: sandbox().Issuer, ID: sandbox().Clients[1].ID, Redirect: sandbox().Clients[1].Redirect, Key: key}
	authorization, err := bank.Push(ctx, client.AccountView{
		Datatypes: []client.Datatype{"balances", "bills"}, Sources: []string{"alipay", "jiangnan_bank"},
		Purpose: "bill_overview", Uses: client.Uses{Limit: 1},
	})
	if err != nil {
		log.Fatal(err)
	}
	// Send the person's browser to authorization.URL, and keep authorization in its session until it comes back.
	session, err := bank.Redeem(ctx, authorization, decide(authorization.URL, "allow"))
	if err != nil {
		log.Fatal(err)
	}
	view, err := session.OpenView(ctx, client.OpenViewParams{IdempotencyKey: rand.Text()}, client.Want{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("every source answered:", view.Complete)
	accounts := map[string]int{} // how many bills of each
	for bill, err := range session.Bills(ctx, view) {
		if err != nil {
			log.Fatal(err)
		}
		accounts[bill.Account]++
	}
	fmt.Println("several accounts have bills:", len(accounts) > 1, "and uses are left:", view.UsesLeft)
	// Output:
	// every source answered: true
	// several accounts have bills: true and uses are left: 0
}

// decide does what the person would have done in the browser; only a sandbox
// can. It answers the query of the redirect URI.
func decide(at, decision string) url.Values {
	authorize, err := url.Parse(at)
	if err != nil {
		log.Fatal(err)
	}
	asked := authorize.Query()
	body, _ := json.Marshal(map[string]string{"client_id": asked.Get("client_id"), "request_uri": asked.Get("request_uri"),
		"person": sandbox().People[0].ID, "decision": decision})
	resp, err := http.Post(sandbox().Sandbox+"/consents", "application/json", bytes.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		RedirectTo string `json:"redirect_to"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		log.Fatal(resp.Status, err)
	}
	back, _ := url.Parse(answer.RedirectTo)
	return back.Query()
}
