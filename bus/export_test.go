package bus

import (
	"fmt"

	"dialtone/campaign"
)

// SubjectOwned is a command's subject as the mapping makes it.
func SubjectOwned(partition int, id campaign.ID, action string) string {
	return fmt.Sprintf("campaigns.%d.%v.%s", partition, id, action)
}
