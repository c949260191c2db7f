package ownership

// Quotas is how many partitions each member should have, in the order of counts, which is
// how many each has now, by ascending names.  They add up to partitions, differ by one at
// most, and are as near to counts as that allows.
//
// Invariant: once a member has taken, or given, what its quota is away from its count, the
// quotas of all are the same as before.
func Quotas(partitions int, counts []int) []int {
	if len(counts) == 0 {
		return nil
	}
	least, more := partitions/len(counts), partitions%len(counts)
	most := least
	if more > 0 {
		most++
	}
	quotas := make([]int, len(counts))
	over := -partitions
	for i, n := range counts {
		quotas[i] = min(max(n, least), most)
		over += quotas[i]
	}
	for i := range quotas {
		if over < 0 && quotas[i] < most {
			quotas[i]++
			over++
		}
	}
	for i := len(quotas) - 1; i >= 0; i-- {
		if over > 0 && quotas[i] > least {
			quotas[i]--
			over--
		}
	}
	return quotas
}
