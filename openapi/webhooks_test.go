package openapi_test

import (
	"slices"
	"testing"

	"jali/internal/webhook"
)

func TestWebhookTypesAreThoseThatAreSent(t *testing.T) {
	var documented []string
	for _, v := range document(t).Components.Schemas["Event"].Value.Properties["type"].Value.Enum {
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
