package openapi_test

import (
	"slices"
	"testing"

	"jali/internal/webhook"
)

func TestWebhookTypesAreThoseThatAreSent(t *testing.T) {
	post := document(t).Webhooks["grant"].Post
	var documented []string
	for _, v := range post.RequestBody.Value.Content["application/json"].Schema.Value.Properties["type"].Value.Enum {
		documented = append(documented, v.(string))
	}
	sent := []string{
		webhook.GrantGiven, webhook.GrantChanged, webhook.GrantRefused, webhook.GrantUsed, webhook.GrantExhausted, webhook.GrantRevoked,
		webhook.GrantExpiring, webhook.GrantExpired, webhook.GrantPaused, webhook.GrantResumed, webhook.RetentionEnded, webhook.NeedsPerson, webhook.Trial,
	}
	slices.Sort(documented)
	slices.Sort(sent)
	if !slices.Equal(documented, sent) {
		t.Errorf("documented: %v\nsent: %v", documented, sent)
	}
}
