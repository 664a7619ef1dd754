package render

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// receiversDir is where Alertmanager finds the keys of the receivers' Secret.
const receiversDir = "/etc/watchbill/receivers"

// pagerDutySeverity hands on a severity of PagerDuty's own four, and says error,
// as Alertmanager does by itself, of any other: with those PagerDuty would refuse the event.
const pagerDutySeverity = `{{ if match "^(critical|error|warning|info)$" .CommonLabels.severity }}{{ .CommonLabels.severity }}{{ else }}error{{ end }}`

// amReceiverOf makes one receiver that tells everybody of the list.
func amReceiverOf(name string, list []repolayout.Receiver) (amReceiver, error) {
	out := amReceiver{Name: name}
	for _, r := range list {
		if err := out.add(r); err != nil {
			return amReceiver{}, fmt.Errorf("receiver %s: %w", name, err)
		}
	}
	return out, nil
}

func (a *amReceiver) add(r repolayout.Receiver) error {
	var err error
	switch {
	case r.Slack != nil:
		c := amSlack{SendResolved: true, Channel: r.Slack.Channel, Title: r.Slack.Title, Text: r.Slack.Text}
		c.APIURLFile, err = secretFile(r.Slack.URLKey)
		a.Slack = append(a.Slack, c)
	case r.PagerDuty != nil:
		c := amPagerDuty{SendResolved: true, URL: r.PagerDuty.URL, Severity: pagerDutySeverity, Description: r.PagerDuty.Description}
		c.RoutingKeyFile, err = secretFile(r.PagerDuty.IntegrationKey)
		a.PagerDuty = append(a.PagerDuty, c)
	case r.Email != nil:
		c := amEmail{SendResolved: true, To: r.Email.To, From: r.Email.From, SmartHost: r.Email.SmartHost, AuthUsername: r.Email.Username}
		if r.Email.PasswordKey != "" {
			c.AuthPasswordFile, err = secretFile(r.Email.PasswordKey)
		}
		a.Email = append(a.Email, c)
	case r.Webhook != nil:
		c := amWebhook{SendResolved: true, URL: r.Webhook.URL}
		if r.Webhook.URLKey != "" {
			c.URLFile, err = secretFile(r.Webhook.URLKey)
		}
		a.Webhook = append(a.Webhook, c)
	default:
		return fmt.Errorf("it says nothing of whom to tell; set one of slack, pagerDuty, email and webhook")
	}
	return err
}

// secretFile is where the value of a key of the Secret is mounted. A key that
// is none could otherwise name any file of the pod.
func secretFile(key string) (string, error) {
	if wrong := validation.IsConfigMapKey(key); len(wrong) > 0 {
		return "", fmt.Errorf("%q is no key of a Secret: %s", key, wrong[0])
	}
	return receiversDir + "/" + key, nil
}
