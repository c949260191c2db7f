package twilio

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"dialtone/campaign"
)

// root is the outermost element of every script.
const root = "Response"

// wellFormed is the fault of a script that no provider could read, whatever the call's
// variables are: a text stands for each.  One that can't be read is found out by the
// first person who is called, and hears an apology.
func (s *script) wellFormed() *campaign.Error {
	var text strings.Builder
	for _, p := range s.parts {
		if p.variable {
			text.WriteByte('x')
		}
		text.WriteString(p.literal)
	}
	in := xml.NewDecoder(strings.NewReader(text.String()))
	depth, roots := 0, 0
	for {
		token, err := in.Token()
		switch {
		case errors.Is(err, io.EOF) && roots == 1:
			return nil
		case errors.Is(err, io.EOF):
			return notOneRoot()
		case err != nil:
			return notXML(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
				if t.Name.Local != root || roots > 1 {
					return notOneRoot()
				}
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && strings.TrimSpace(string(t)) != "" {
				return notOneRoot()
			}
		}
	}
}

func notOneRoot() *campaign.Error {
	return campaign.Invalid("twiml", "Write the script as one element, <%s>…</%s>, with everything inside it.", root, root)
}

func notXML(err error) *campaign.Error {
	var se *xml.SyntaxError
	if errors.As(err, &se) {
		return campaign.Invalid("twiml", "The script is not well-formed XML, in its line %d: %s. Close every element, and write & as &amp; and < as &lt; in texts.", se.Line, se.Msg)
	}
	return campaign.Invalid("twiml", "The script is not well-formed XML: %s.", strings.TrimPrefix(err.Error(), "xml: "))
}
