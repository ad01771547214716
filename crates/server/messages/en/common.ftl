# Around every page, and what many pages share.

frame-skip = Skip to content
frame-menu = Menu
frame-close = Close
frame-find = Find people, devices, apps
frame-nav = Main menu
frame-sign-out = Sign out
role-full = Full access
role-read-only = Read only

nav-dashboard = Dashboard
nav-apps = Apps
nav-devices = Devices
nav-people = People
nav-groups = Groups
nav-activity = Activity
nav-administration = Administration
nav-vpp = Volume Purchase Program
nav-reclaim = Reclaim rules
nav-accounts = Accounts and roles
nav-my-account = My account
nav-settings = Settings
crumb-managed-software = Managed software
crumb-ios-and-mac = iOS and Mac OS X

# Somebody in the middle of a sentence, and a device with whose it is.
whom-person = { $person }
to-whom = { $person }
to-device = { $device }
their-device = { $device } of { $person }

near-now = Just now
near-minutes = { $minutes } min ago
near-today = Today { $time }
near-yesterday = Yesterday { $time }
near-tomorrow = Tomorrow { $time }
days-left = { $days ->
    [one] { $days } day left
   *[other] { $days } days left
}

count-apps = { $count ->
    [one] { $count } app
   *[other] { $count } apps
}
count-days = { $count ->
    [one] { $count } day
   *[other] { $count } days
}
count-device-licences = { $count ->
    [one] { $count } device licence
   *[other] { $count } device licences
}
count-devices = { $count ->
    [one] { $count } device
   *[other] { $count } devices
}
count-events = { $count ->
    [one] { $count } entry
   *[other] { $count } entries
}
count-groups = { $count ->
    [one] { $count } group
   *[other] { $count } groups
}
count-people = { $count ->
    [one] { $count } person
   *[other] { $count } people
}
count-pieces = { $count }
count-of-apps = { $shown } of { $total } apps
range-apps = { $from }–{ $to } of { $total }
range-accounts = { $from }–{ $to } of { $total }
range-keys = { $from }–{ $to } of { $total }
range-sessions = { $from }–{ $to } of { $total }
range-devices = { $from }–{ $to } of { $total }
range-devices-more = { $from }–{ $to } of more than { $total }
range-licences = { $from }–{ $to } of { $total }
range-people = { $from }–{ $to } of { $total }
range-people-more = { $from }–{ $to } of more than { $total }

button-cancel = Cancel
button-edit = Edit
button-no = No
button-save = Save
button-search = Search
word-yes = Yes
word-no = No

asof-apple = As Apple says,
sync-now = Sync now

filter-label = Filter
filter-by-state = Filter by state
filter-none = Filter: none
filter-all = All
filter-all-platforms = All platforms
filter-apply = Apply
filter-short = Short of licences
filter-undeployed = Not deployed
filter-has-failed = With failures
filter-has-pending = With pending installs
filter-quiet = Silent for over 7 days
filter-leaving = Leaving
filter-dep = Enrolled through DEP
filter-terms = Terms not accepted
filter-waiting = Waiting for a licence
filter-no-device = Without a device
filter-left = Left
filter-disabled = Disabled

pager-label = Pages
pager-previous = Previous
pager-next = Next

column-action = Action
column-answered = Answered
column-app = App
column-approval = Approval
column-cause = Cause
column-changes = Changes
column-command = Command
column-deadline = Deadline
column-deployed-apps = Deployed apps
column-deployment = Deployment
column-device = Device
column-device-name = Device name
column-device-said = Device said
column-enrolment = Enrolment
column-failed = Failed
column-group = Group
column-install-state = Install state
column-kind = Kind
column-last-check-in = Last check-in
column-last-seen = Last seen
column-licence = Licence
column-license-holder = User or device
column-license-type = Licence type
column-installation = Installation
column-kept-licenses = Licences kept
column-members = Members
column-name = Name
column-pending = Pending
column-platform = Platform
column-priority = Priority
column-queued = Queued
column-requests = Requests
column-result = Result
column-since = Since
column-start = Start
column-terms = VPP terms of use
column-time = Time
column-took = Took
column-used-owned = Used / owned
column-user = User
column-user-name = User name
column-what = What happened
column-who = By
column-account = Account
column-address = Address
column-expires = Expires
column-key = API key
column-last-sign-in = Last sign-in
column-last-use = Last used
column-made-by = Made by
column-role = Role
column-session = Session
column-state = State

problem-missing = Fill this in.
problem-too-long = This is too long. Shorten it.
problem-taken = This is in use already. Choose another.
problem-unknown = There is no such entry. Choose one from the list.
problem-malformed = This does not have the right format. Check it.
problem-guessable = This is easy to guess. Do not rely on the login, common words, or runs such as 1234 or aaaa.
problem-wrong = This is not right.
problem-last-full = This is the last account with full access. Give full access to another one first.
problem-own-password = Change your own password under My account.
problem-own = Only another administrator can change the role and state of your own account.
problem-not-an-app = This is not an app. Only apps can be deployed.
problem-too-short = This is too short. Make it longer.
problem-unprintable = This contains an invisible character. Type it again.
problem-left = This person has left the organisation.
form-wrong = Nothing was saved. Correct the marked fields.

flash-saved = Saved.
flash-change-approved = Approved and saved.
flash-change-held = Asked for approval. Nothing is saved until another administrator approves it.
flash-change-restored = What was before is restored.
flash-change-turned-down = Turned down.
flash-change-withdrawn = Withdrawn.
flash-deployment-saved = Deployment saved. The changes take effect from now on.
flash-sync-requested = Sync requested. The result appears here when it is done.
flash-token-linked = Account linked. The apps and licences you bought are being read.
flash-token-renewed = Token renewed. The latest from Apple is being read.
flash-upload-cancelled = Upload cancelled. Nothing was changed.
flash-person-added = Person added.
flash-invited-again = The invitation to the programme was sent again.
flash-registering-again = Apple is asked again to register the person. The invitation follows automatically.
flash-person-left = Marked as left. What is still to be done is listed below.
flash-plan-looked-again = It will be checked again shortly.
flash-person-returned = Marked as back. Choose the groups of this person.
flash-app-requested = App requested.
flash-app-request-withdrawn = Request withdrawn. An installed app stays.
flash-install-again = Asked to install it again. It begins when the device connects.
flash-identity-revoked = The identity was revoked. The device has to enrol again to be managed.
flash-group-added = Group created. Choose its members.
flash-group-deleted = Group deleted. Its members stay.
flash-device-retiring = The device is being retired.
flash-device-wiping = The device is being wiped.
flash-device-removed = Removed. Its licences are being taken back.
flash-device-stays = Cancelled. The device stays managed.
flash-group-in-use = The group was not deleted, because apps are deployed to it. Change the deployments first.
flash-members-saved = Members saved.
flash-rule-saved = Rule saved. Members change within seconds.
flash-moved-up = Moved up.
flash-moved-back = Moved back.
flash-account-added = Account added. Tell the person the login and the password yourself.
flash-account-unlocked = Sign-in limit cleared. Signing in works again at once.
flash-key-revoked = API key revoked. It no longer works.
flash-password-changed = Password changed. All other sessions have ended.
flash-password-set = Password reset. All sessions of this account have ended.
flash-session-ended = Session ended.
flash-sessions-ended = All other sessions have ended.

error-not-found = Not found
error-not-found-advice = There is nothing at this address. It was deleted, or the address is wrong.
error-forbidden = Not allowed
error-forbidden-advice = This account is read only. Ask an administrator with full access. Nothing was changed.
error-bad-request = The request was not understood
error-bad-request-advice = The address or the form contains something unexpected. Go back, reload the page and try again. Nothing was changed.
error-foreign-form = This form came from elsewhere
error-foreign-form-advice = It was not sent from one of our own pages. Go back, reload the page and try again. Nothing was changed.
error-not-here = It does not work this way
error-not-here-advice = This address expects another kind of request. Start again from the dashboard. Nothing was changed.
error-too-many = Too many at once
error-too-many-advice = Wait a moment, then try again. Nothing was changed.
error-too-large = Too large
error-too-large-advice = You sent more than can be accepted here at once. Nothing was changed. If you chose a file, go back and choose the right one.
error-conflict = It has changed in the meantime
error-conflict-advice = Somebody else changed the same thing. Reload the page before this one and try again.
error-failed = This cannot be done right now
error-failed-advice = The server has a problem. Try again in a while. If it continues, check the server's log.
error-busy = Too much at once
error-busy-advice = The server is answering as many requests as it can. Reload in a few seconds. Nothing was changed.
error-too-slow = It did not arrive in time
error-too-slow-advice = What you sent took too long on its way. Go back and send it again. Nothing was changed.
error-unavailable = The database does not answer
error-unavailable-advice = The server is running, but cannot read or write anything right now. It continues automatically once the database is back. Nothing was changed. The cause is in the server's log.
error-request-id = Request number, for the log: { $id }
error-home = To the dashboard

conflict-not-saved = Nothing was saved.
conflict-who = { $name } changed this before you, { $when }.
conflict-advice = What you typed is in the form below, beside what the other person changed. Look at it and save again, or take what is there now.
conflict-take-theirs = Keep what is there now
conflict-title = What differs
conflict-what = Field
conflict-seen = When you opened it
conflict-now = Now ({ $name })
conflict-wanted = Yours (not saved)
conflict-result = After saving the form
conflict-both = Both changed: yours
conflict-theirs = Stays as it is now
conflict-mine = Yours
conflict-yes = Yes
conflict-no = No
conflict-nothing = –
conflict-group-delete = Nothing was deleted. Somebody changed this group after you opened it. Look at it again.
