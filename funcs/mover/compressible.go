package mover

const (
	// compressor is the fastest: heavier ones need gigabytes of memory on many files.
	compressor = "zstd-fastest"
	// sampleSize is how much is looked at in each of three places, in bytes.
	sampleSize = 512
)

// compressible guesses whether data gets smaller when it is compressed: whether some bytes
// are clearly more frequent in samples of it than others. Of what is compressed or
// encrypted already they are not, and to try takes longer than to store it.
func compressible(data []byte) bool {
	if len(data) <= 3*sampleSize {
		return uneven(data)
	}
	middle, end := len(data)/2, len(data)-sampleSize
	return uneven(data[:sampleSize]) || uneven(data[middle:middle+sampleSize]) || uneven(data[end:])
}

// uneven tells whether the frequencies of bytes differ by more than they would by chance.
// The sum of their squares is n + n²/256 of random bytes on average, and that of text
// several times as much.
func uneven(data []byte) bool {
	var counts [256]int
	for _, b := range data {
		counts[b]++
	}
	sum := 0
	for _, c := range counts {
		sum += c * c
	}
	n := len(data)
	return sum > n+n*n/256+(n+n*n/256)/4
}
