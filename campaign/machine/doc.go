// Package machine is the mind of one campaign: which call to dial with a
// granted token, what a report means for its call, when a retry is due, when to
// stop waiting for an answer, and when the campaign is over.
//
// It is pure.  Handle takes what happened and the time, and appends what is to
// be done to an Effects; it has no clock, no goroutine and no I/O, so that
// every crash, delay and repetition can be played through in a test.  Its owner
// (package actors) performs the effects and tells the machine what came of them:
//
//	Granted ──▶ Claim ──commit──▶ Claimed ──▶ Publish
//	Reported ─▶ Record ─commit──▶ Recorded ─▶ Ack, Release, Events
//	Command ──▶ ChangeStatus ─commit──▶ StatusChanged ──▶ Reply, Events, Publish (hang-ups)
//
// Nothing is published and nothing acknowledged before the commit that it
// speaks of has been confirmed: the effects that do so are answers to that
// confirmation.
//
// # One attempt in flight
//
//	claiming ─▶ claimed ─▶ placing ─▶ placed ─▶ closing ─▶ (gone)
//	               │           ╰────▶ ambiguous ──╯ ▲
//	               ╰────────────────────────────────╯
//
// While closing, further reports wait: they are acknowledged with the end, or
// taken in after all when the store refuses it, because a claim that was to be
// undone had been placed.
//
// A claimed attempt without a report is published again (the store lets only
// one placing through).  A placing one without a report becomes ambiguous, and
// an ambiguous or overdue one is settled: a job asks a caller to ask the
// provider.
//
// That the provider knows of no call is believed at once where it has answered the
// request.  Where no answer came, or none that is known of, it may be at the request
// still: it must say so twice, and the second time ConfirmAfter after the first, before
// the number is free.  With the defaults it so has some 40 s from the request on to dial:
// 12 s until it is asked at the earliest, and 30 s more.
//
// Not promised: that nobody is dialled twice by a provider that takes a request, does not
// answer, denies the call 40 s later, and dials even then.  Nothing can be asked of it
// that would tell.
//
// Settling has an end: an attempt of which nothing could be learnt within
// settle_within of the retry policy is lost.  It costs, since it may have been dialled,
// and the call goes on by the policy.  A call of which the provider says that it is up
// is never lost.  After a takeover the time counts from the attempt's beginning, but
// the provider is asked once more.
//
// # Hang-up
//
// A cancel may ask for what is up to be hung up, and so does the cancellation of a
// single call.  What the provider has is hung up at once, by a job; what is being placed
// or in doubt, as soon as it is heard to be up.  The watch repeats it until the end of
// the call is told.  That all calls of a canceled campaign are to be hung up lives in memory,
// from one machine to the next, and is lost with the process: what was up or being placed
// then goes on, and whoever asked for it asks again.
//
// A single call is canceled in the store, by a record of its own, and the answer waits for
// that.  One that waits is in no lane from then on, and a page that may be older than the
// record is read without it (struck).  One in flight is marked in the store, and canceled
// when its attempt has ended, unless that completed it: whoever owns it by then, for a new
// machine that finds the mark has the wish.
//
// # Crash
//
// A machine is built from the store alone (New).  Claims of which no placing
// is on record are given back; what is placing, placed or ambiguous is taken up
// where it stands.  A machine whose view proves wrong does not repair itself: it
// asks to be built anew (Effects.Rebuild).  That happens when a claim taken over
// is placed at the very moment it is given back, and is a fault of the program
// at any other time.
//
// A machine is built anew on purpose, too (Effects.Renew): when the schedule turns
// from one for all numbers to one for each, or its end, which had come, is put off, or
// numbers go by other routes.
// It then begins nothing new, waits for what it has begun to write, tells of it, and
// leaves the reports that come meanwhile to its successor.
//
// # Hours
//
// What waits lies in lanes, the numbers that have the same hours: one lane, or, with
// contact-local hours, one for each set of time zones.  A lane has its calendar
// (package hours), its retries and its own cursor in the store's queue, so that the
// numbers of a closed zone are neither read nor looked at.
//
// Only open lanes count for the Demand, and only from them a token takes a call.  A
// lane closes CloseEarly before its hours do, since the last request must have
// arrived by then; that moment is the not-after of the jobs that it publishes.  A
// claim that is committed later, or of which no caller has said anything until then,
// is undone; and so it is when a change of the schedule closes the lane.  NextTick covers the turns of the lanes, so a campaign wakes by itself.
//
// At the schedule's end what waits is ended in the store, chunk by chunk, as failed;
// the store does so only if the end that it knows has come.
// Before its start a campaign that was started is armed: pending, with an owner.
//
// # Ramp
//
// From its first call a campaign grows into its limit within RampUp, so that calls of one
// length do not end all together, round after round.  The Demand's Limit is what it has
// grown to.  What was reached stays, until nothing was up for a second (ramp).
//
// # Routes
//
// By which providers a number may go is told by a table (package campaign/route).
// Numbers of one route are a class, and in its lane each class has a shelf of its own: a
// token of a provider looks at the shelves only that lead to it, and what can't go
// costs nothing.  A flight keeps its call's class for when it comes back.  Numbers that
// no provider serves are in no Demand; they wait, and the campaign with them.  When the
// table or the campaign's choice of providers changes, the machine is built anew.
//
// What a provider made of a request is told with the progress or the release of its
// token, once for each attempt.  One that is not well or has enough does not slow the
// campaign down: the scheduler spares it.  Only what is this campaign's own fault, its
// caller id or its script, is a hold: that provider is taken out of the routes of the
// Demand, and its tokens go back, until a time; then one call at a time probes it until
// one gets through.  Without a table the campaign as a whole is held.
//
// # Order
//
// Due retries go first, by their times; then new numbers that were given back; then
// those of the pages at hand, of the lane that closes first: of those, each time, that
// lead to the token's provider.  A lane of the store's
// queue is read by a cursor, while calls are given back to it on both sides: one that
// the cursor has passed is kept in memory (returned), one that it has not come to is
// left to its page, and one of which that can't be told yet, since a page is on its
// way, is kept apart until it is there (adrift).
//
// # What is known of the store's queue
//
//	lane.cursor, exhausted   read up to here, and nothing was behind it
//	lane.reload, adrift      but a page is on its way that may be older
//	queue.loading            whose page that is; there is one at a time
//	undoing                  claims taken over are being given back: nothing is read
//	struck                   calls that were canceled by themselves, and that a page on its
//	                         way may have
//	total                    calls of the campaign when it was last read on
//	looking, unseen          the store refused to end the campaign: its zones are read,
//	                         then its queue, of which not every page can be empty
//	ending.dropped           the end had come, and what waited was let go of
//	ending.spent, refused    none waits in the store; or it says that the end is not yet
package machine
