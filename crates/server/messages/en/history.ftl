# What runs, and what happened.

running-nothing = Nothing is under way.
running-sync = Sync with Apple
running-steps = Step { $done } of { $total }
running-sync-reason = { $phase } · { $requests } requests, { $span } so far
running-apple-confirms = Waiting for Apple to confirm, { $span } so far
running-to-be-sent = Sent to Apple in a moment.
running-installs = { $count ->
    [one] { $count } install command
   *[other] { $count } install commands
}
running-removals = { $count ->
    [one] { $count } remove command
   *[other] { $count } remove commands
}
running-installs-and-removals = Install commands: { $installs }, remove commands: { $removals }
running-devices-wait = { $count ->
    [one] { $count } device has not answered yet.
   *[other] { $count } devices have not answered yet.
}

operation-create-users = { $count ->
    [one] Register { $count } person with the programme
   *[other] Register { $count } people with the programme
}
operation-associate = { $count ->
    [one] Assign { $count } licence
   *[other] Assign { $count } licences
}
operation-disassociate = { $count ->
    [one] Take back { $count } licence
   *[other] Take back { $count } licences
}
operation-retire-users = { $count ->
    [one] Retire { $count } person at Apple
   *[other] Retire { $count } people at Apple
}

sync-phase-waiting = Waiting to start.
sync-phase-config = Checking the token
sync-phase-assets = Apps read
sync-phase-assignments = Assignments read
sync-phase-users = People read
sync-phase-metadata = Reading names and icons
sync-waiting = Waiting
sync-running = Running
sync-cause-person = Started by { $actor }
sync-cause-schedule = Scheduled
sync-cause-token = Token uploaded by { $actor }
sync-cause-resync = Did not match what Apple said
sync-error-expired = The token has expired. Renew it.
sync-error-revoked = Apple has revoked the token. Upload a new one.
sync-error-invalid = Apple does not know the token. Upload a new one.
sync-error-other-account = Apple answered for another account. Nothing was changed.
sync-error-taken = This server does not manage the location at Apple any more. All writing has stopped.
sync-error-throttled = Apple asked us to wait. It is tried again automatically.
sync-error-unreachable = Apple could not be reached. It is tried again automatically.
sync-error-apple = Apple could not do what was asked. It is tried again automatically.
sync-error-internal = The server has a problem. Look at its log.

result-done = Done
result-failed = Failed
result-look = Check
result-sent = Sent
result-accepted = Accepted by the device
result-apple-confirms = Apple confirming
result-apple-confirmed = Confirmed by Apple

who-system = System
who-device = Device
who-api-key = API key { $name }

event-account-added = Added the account { $name }
event-account-changed = Changed account { $name }
event-account-disabled = Disabled account { $name }
event-account-enabled = Enabled account { $name }
event-account-unlocked = Cleared the sign-in limit of account { $name }
event-api-key-rotated = Replaced API key { $name }
event-password-changed = Changed their own password
event-password-set = Set the password of account { $name }
event-session-ended = Ended a session of account { $name }
event-sessions-ended = Ended all sessions of account { $name }
event-api-key-created = Created the API key { $name }
event-api-key-revoked = Revoked the API key { $name }
event-bulk-done = Did one thing for many: { $joined } done, { $left } skipped
event-app-described = Read the name and icon of { $app }
event-app-gone = Confirmed that { $app } is gone from { $device }
event-app-installed = Confirmed that { $app } is installed on { $device }
event-app-removed-by-user = The person removed { $app } from { $device }
event-app-requested = Requested { $app } for { $person }
event-app-request-withdrawn = Withdrew { $person }’s request for { $app }
event-moved-up = Moved { $whom } up in the line for { $app }: { $name }
event-moved-up-ended = { $whom } is not to have { $app } any more, and is no longer moved up in its line
event-moved-back = Moved { $whom } back in the line for { $app }
event-change-approved = Approved a change of { $name }
event-change-expired = A change of { $name } expired without approval
event-change-held = Asked for approval of a change of { $name }
event-change-turned-down = Turned down a change of { $name }
event-change-withdrawn = Withdrew a change of { $name }
event-deployment-saved = Saved the deployment of { $app }
event-device-authenticated = { $device } began to enrol
event-device-checked-out = { $device } left management
event-device-enrolled = { $device } enrolled
event-device-heard-after-removal = Refused { $device }: it was removed, and connected again
event-device-heard-again = { $device } answered again and gets its apps and licences back
event-device-removed = Removed { $device }
event-device-retired = { $device } is retired
event-device-retire-refused = { $device } refused to be retired
event-device-retire-requested = Began to retire { $device }
event-device-silent = { $device } counts as gone: it has not answered for too long
event-device-silence-over = { $device } no longer counts as gone: the settings changed
event-device-stays = Cancelled retiring or wiping { $device }
event-device-takeover-refused = Refused to enrol { $device } for { $person }: it is managed already, and not theirs
event-device-takeover-refused-nobody = Refused to enrol { $device } with a link for nobody: it is managed already
event-device-unreachable = { $device } cannot be woken
event-device-wiped = { $device } is wiped
event-device-wipe-refused = { $device } refused to be wiped
event-device-wipe-requested = Began to wipe { $device }
event-enrolment-link-made = Made an enrolment link for { $person }
event-enrolment-link-made-nobody = Made an enrolment link for a device that belongs to nobody
event-enrolment-profile-taken = Downloaded the enrolment profile of { $person }
event-enrolment-profile-taken-nobody = Downloaded the enrolment profile for a device that belongs to nobody
event-enrolment-refused = Refused to enrol a device for { $person }, who has left
event-group-added = Created the group { $group }
event-group-changed = Changed the group { $group }
event-group-deleted = Deleted the group { $group }
event-group-left = { $person } left the group { $group }
event-group-members-set = Changed the members of the group { $group }
event-group-members-moved = Changed the members of the group { $group }: { $joined } added, { $left } removed
event-group-members-followed = Members of the group { $group } changed by its rule: { $joined } added, { $left } removed
event-group-rule-set = Changed the membership rule of the group { $group }
event-app-updates-set = Changed how { $app } is updated
event-device-ownership-set = Changed who owns { $device }
event-install-accepted = { $device } accepted the command to install { $app }
event-identity-revoked = Revoked the identity of { $device }
event-install-asked-again = Asked { $device } to try { $app } again
event-install-commanded = Told { $device } to install { $app }
event-install-failed = { $device } could not install { $app }
event-install-rejected = Declined on { $device }: { $app }
event-invitation-failed = Could not invite { $person } to the programme
event-invitation-renewed = { $person } is to be invited to the programme again
event-invitation-silent = { $device } did not answer; the invitation of { $person } goes to the next device
event-invitation-shown = { $person } was shown the invitation to the programme
event-licence-assigned = Assigned a licence of { $app } to { $person }
event-licence-assigned-device = Assigned a licence of { $app } to { $theirs }
event-licence-found = Found a licence of { $app } for { $person } in Apple's list
event-licence-found-device = Found a licence of { $app } for { $theirs } in Apple's list
event-licence-lost = The licence of { $app } for { $person } is gone from Apple's list
event-licence-lost-device = The licence of { $app } for { $theirs } is gone from Apple's list
event-licence-refused = Apple refused { $person } a licence of { $app }
event-licence-refused-device = Apple refused { $theirs } a licence of { $app }
event-licence-reserved = Asked for a licence of { $app } for { $person }
event-licence-reserved-device = Asked for a licence of { $app } for { $theirs }
event-licence-returned = Took back the licence of { $app } from { $person }
event-licence-returned-device = Took back the licence of { $app } from { $theirs }
event-licence-returning = Asked to take back the licence of { $app } from { $person }
event-licence-returning-device = Asked to take back the licence of { $app } from { $theirs }
event-licence-return-refused = Apple refused to take back the licence of { $app } from { $person }
event-licence-return-refused-device = Apple refused to take back the licence of { $app } from { $theirs }
event-person-added = Added { $person }
event-person-changed = Changed the details of { $person }
event-person-invited = Sent { $person } the invitation to the programme
event-person-left = Marked { $person } as left
event-person-returned = Marked { $person } as back
event-plan-looked-again = Had the stopped plan for { $whom } checked again
event-plan-sound = The plan for { $whom } passed the check and goes on
event-plan-stopped = Stopped the plan for { $whom }: a step would break a promise
event-policy-changed = Changed the policy
event-program-accepted = { $person } accepted the VPP terms of use
event-program-user-created = Registered { $person } with the programme
event-program-user-replaced = { $person } is to be registered with Apple again
event-program-user-kept = Called off the retirement of { $person } at Apple
event-program-user-retired = The registration of { $person } at Apple was retired
event-program-user-retiring = Asked Apple to retire { $person }
event-remove-accepted = { $device } accepted the command to remove { $app }
event-remove-commanded = Told { $device } to remove { $app }
event-remove-failed = { $device } could not remove { $app }
event-signed-in = Signed in to the console
event-token-linked = Linked the token of the location { $name }
event-token-renewed = Renewed the token
event-token-unusable = The token became unusable
event-token-usable = The token can be used again
event-program-user-refused = Apple did not register { $person }
