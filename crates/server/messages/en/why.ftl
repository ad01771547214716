# Why somebody has an app, or has it not.

# One sentence for each answer.
why-not-deployable = { $app } is not an app, and is not deployed here.
why-not-deployed = { $app } is not deployed to any group yet.
why-not-reached = No deployment of { $app } reaches { $to }.
why-person-left = { $person } is marked as left, and gets no { $app }.
why-excluded = A deployment says not applicable, so { $whom } does not get { $app }.
why-uninstalled = { $app } is deployed as uninstall, so { $whom } does not get it.
why-device-gone = { $device } is not managed any more.
why-device-silent = { $device } has not been heard since { $when }, and gets no { $app } until it is.
why-device-leaves = { $device } is being retired or wiped, so { $app } is not installed on it.
why-leaves-with-app = { $device } is being retired or wiped, and { $app } goes with it.
why-being-removed = { $app } is being removed from { $theirs }.
why-not-removed = { $app } could not be removed from { $theirs }: the device reported { $error }.
why-licence-goes-back = The { $app } licence of { $whom } is being returned.
why-licence-cannot-go-back = The { $app } licence of { $whom } cannot be returned, because the token cannot be used.
why-not-requested = { $person } may have { $app }, and has not asked for it yet.
why-not-requested-nobody = { $app } is available on { $device }, but the device belongs to nobody who could ask for it.
why-before-deadline = { $app } is required from { $when }; before that it is installed on request.
why-before-deadline-nobody = { $app } is required from { $when }; until then it is not installed on { $device }, which belongs to nobody who could ask for it.
why-removed-by-person = { $person } removed { $app } from { $device }.
why-removed-by-person-nobody = { $app } was removed on { $device } itself.
why-perhaps-there = { $theirs } has not told yet whether { $app } is on it.
why-no-device = { $person } has no device that could have { $app }.
why-platform-not-applicable = { $app } does not run on the platform of { $device } ({ $platform }).
why-system-too-old = { $app } needs system version { $needed } or later, and { $device } has { $has }.
why-enrolled-through-dep = { $device } is enrolled through DEP, and by the 2016 policy it does not get { $app }.
why-not-device-assignable = Apple has no device licences for { $app }, so { $whom } cannot get it.
why-licence-needs-user = { $device } belongs to nobody, and the deployment of { $app } gives licences to users; such a device gets a device licence only.
why-not-described = The bundle ID of { $app } is not known yet, so it cannot be installed for { $to }.
why-enrolment-pending = { $theirs } has not finished its enrolment, so { $app } cannot be installed yet.
why-serial-unknown = { $theirs } has not told its serial number yet, so it cannot be assigned a licence of { $app }.
why-to-be-registered = { $person } is about to be registered with Apple; a licence of { $app } works once the terms are accepted.
why-being-registered = Apple is registering { $person }; a licence of { $app } works once the terms are accepted.
why-registration-refused = Apple refused to register { $person } (error { $error }), so the { $app } licence cannot be used.
why-to-be-invited = { $person } has not accepted the VPP terms yet; the invitation is about to be shown on { $on }.
why-invitation-waits = The invitation to the VPP terms for { $person } has waited for { $on } since { $when }.
why-terms-not-accepted = { $person } has not accepted the VPP terms that { $on } showed at { $when }.
why-invitation-failed = No device of { $person } could show the invitation to the VPP terms; it is tried again at { $when }.
why-no-device-for-invitation = { $person } has no iPhone or iPad that could show the invitation to the VPP terms.
why-being-retired = Apple is retiring the earlier registration of { $person }, who is registered anew after that.
why-old-licences-first = { $person } is registered with Apple anew once no licence is left with the earlier registration.
why-token-not-usable = The token cannot be used ({ $token }), so Apple cannot be asked for what { $whom } needs for { $app }.
why-licence-next = The { $app } licence of { $whom } is about to be asked of Apple.
why-apple-confirms = Apple is confirming the { $app } licence of { $whom }, asked for at { $when }.
why-returning-first = The earlier { $app } licence of { $whom } is being returned; then it is given again.
why-apple-trouble = Apple could not give { $whom } a licence of { $app } just now; it is asked again at { $when }.
why-apple-refused = Apple refused { $whom } a licence of { $app }; it is asked again at { $when }.
why-in-line = { $whom } waits for a licence of { $app }: of { $owned } none is left, and { $whom } is number { $place } of { $waiting } who wait.
why-in-line-after = { $whom } waits for a licence of { $app }: of { $owned } none is left, and of { $waiting } who wait { $whom } comes somewhere after number { $place }.
why-kept-for-others = { $whom } waits for a licence of { $app }: { $kept ->
    [one] { $kept } licence is free and kept for { $groups }
   *[other] { $kept } licences are free and kept for { $groups }
}. { $whom } is number { $place } of { $waiting } who wait.
why-kept-for-others-after = { $whom } waits for a licence of { $app }: { $kept ->
    [one] { $kept } licence is free and kept for { $groups }
   *[other] { $kept } licences are free and kept for { $groups }
}. Of { $waiting } who wait { $whom } comes somewhere after number { $place }.
why-none-left = { $app } was not installed for { $to }, because of { $owned } licences none is left; { $to } is number { $place } of { $waiting } who wait.
why-none-left-after = { $app } was not installed for { $to }, because of { $owned } licences none is left; of { $waiting } who wait { $to } comes somewhere after number { $place }.
why-out-of-stock = Apple had no licence of { $app } left for { $whom }; it is asked again at { $when }.
why-in-setup = { $theirs } stands in Setup Assistant; { $app } is installed after that.
why-command-next = The licence is there; { $theirs } is about to be told to install { $app }.
why-asked-first = { $theirs } is asked first whether { $app } is on it already.
why-command-waits = { $theirs } has not answered yet; it was told at { $when } to install { $app }.
why-unreachable = { $theirs } has not been reachable since { $when }, so { $app } cannot be installed.
why-removal-first = { $app } is installed on { $theirs } again once its removal there is confirmed.
why-install-failed = { $app } could not be installed on { $theirs }: the device reported { $error }.
why-tried-again = { $app } could not be installed on { $theirs } ({ $error }); it is tried again automatically.
why-installing = { $app } is being installed on { $theirs }.
why-awaiting-consent = { $person } has not allowed { $app } on { $device } yet.
why-awaiting-consent-nobody = Nobody has allowed { $app } on { $device } yet.
why-not-signed-in = { $theirs } is not signed in to the App Store, so { $app } cannot be installed.
why-being-verified = { $theirs } accepted the command to install { $app }; whether it is there is being checked.
why-removed-comes-back = { $person } removed { $app } from { $device }; it is installed again at { $when }.
why-removed-comes-back-nobody = { $app } was removed on { $device } itself; it is installed again at { $when }.
why-rejected = { $person } declined { $app } on { $device }.
why-rejected-nobody = { $app } was declined on { $device }.
why-unmanaged = { $person } installed { $app } on { $device } without us, and it is not managed.
why-unmanaged-nobody = { $app } was installed on { $device } without us, and it is not managed.
why-installed = { $app } is installed on { $theirs }.
why-update-due = { $app } is installed on { $theirs }, in an older version. The device is told to update it next.
why-update-told = { $app } is installed on { $theirs }, in an older version. The device was told to update it, and does not show the new version yet.
why-update-not-taken = { $app } is installed on { $theirs }, in an older version. The device was told to update it and did not: it was declined there, or the new version needs a newer system.
why-update-not-released = { $app } is installed on { $theirs }, in an older version. Updates of this app are released by hand, and the new version was not.
why-update-not-required = { $app } is installed on { $theirs }, in an older version. Under the 2016 policy only required apps are updated.
why-licensed-only = The licence of { $app } for { $whom } is held. Somebody else installs the app, so Allotment does not know whether it is there.
why-there-already = The app is on { $device } already. { $sentence }

# The stages, as what is waited for, and as links of the chain.
stage-deployment = A deployment
stage-request = A request
stage-deadline = The deadline
stage-device = A device
stage-token = A usable token
stage-registration = Registration with Apple
stage-invitation = The invitation to the terms
stage-terms = Acceptance of the terms
stage-licence = A licence
stage-moved-up = Moved up in the line
stage-command = The command to install
stage-proof = Proof of the installation
stage-removal = Removal of the app
stage-absence = Proof of the removal
stage-return = Return of the licence
stage-deployment-done = Deployed to { $group } as { $approval }
stage-deployment-now = A deployment has to reach them
stage-request-done = The app was asked for
stage-request-now = Waiting to be asked for
stage-deadline-now = Waiting for the deadline
stage-device-now = Waiting for a device that can have the app
stage-token-now = Waiting for a usable token
stage-registration-now = Waiting for the registration with Apple
stage-invitation-now = The invitation to the terms has to be shown
stage-terms-done = { $person } accepted the VPP terms
stage-terms-now = Waiting for the VPP terms to be accepted
stage-terms-ahead = { $person } accepts the VPP terms
stage-licence-done = Apple confirmed the licence
stage-moved-up-done = Moved up in the line
moved-up-because = By { $by }, because: { $reason }
stage-licence-now = Waiting for a licence
stage-licence-ahead = Apple confirms a licence
stage-command-done = The device accepted the command to install
stage-command-now = Waiting for the command to install
stage-command-ahead = The device is told to install
stage-proof-done = The device lists { $app }
stage-proof-now = Waiting for the device to list its apps
stage-proof-ahead = The device lists { $app }
stage-removal-done = The device accepted the command to remove
stage-removal-now = Waiting for the app to be removed
stage-removal-ahead = The app is removed from the device
stage-absence-done = The device does not list { $app }
stage-absence-ahead = The device lists { $app } no more
stage-return-now = Waiting for the licence to be returned
stage-return-ahead = Apple takes the licence back
stage-until = Goes on automatically at { $when }
stage-deadline-is = Deadline { $when }
stage-licence-automatic = Asked for automatically once one is left
stage-proof-then = Shown as installed from then on
stage-operation-queued = Sent to Apple soon
stage-operation-sent = Sent to Apple at { $when }
stage-operation-retried = Sent { $count } times; Apple’s error was { $error }
stage-since = Since { $when }

# Who has to act, who did, and what came of each deployment.
actor-nobody = Nobody
actor-administrator = An administrator
actor-person = The person
actor-user-of-device = Whoever uses the device
actor-apple = Apple
actor-device = The device
actor-server = This server
actor-nobody-goes-on = It goes on automatically
actor-nobody-done = There is nothing to do
actor-person-not = { $person } has nothing to do
outcome-applies = Applies
outcome-together = Applies as well
outcome-beaten = Overruled
outcome-beaten-by = Overruled by the deployment to { $group }

# What would help.
help-deploy = Deploy { $app } as required
help-deploy-note = Choose a group that { $whom } is in
help-lift-exclusion = Take away the deployment that says not applicable
help-lift-exclusion-note = In: { $groups }
help-return = Mark { $person } as come back
help-request = Ask for the app
help-request-note = An administrator can ask on behalf of the person
help-enrol-device = Enrol a device that can have it
help-enrol-device-note = The link for it is made on the page of the person
help-enrol-device-nobody-note = The link for a device that belongs to nobody is made in the list of devices
help-finish-enrolment = Finish installing the enrolment profile on { $on }
help-keep-device = Call off that { $on } leaves
help-update-system = Update { $on } to system version { $needed } or later
help-release-update = Release the new version of the app
help-license-people = Deploy it with user licences, or Automatic
help-license-people-note = The person has to accept the VPP terms
help-license-devices = Deploy it with device licences, or Automatic
help-lift-policy-2016 = Turn the 2016 policy off
help-lift-policy-2016-note = This concerns every device enrolled through DEP
help-reach-device = Turn { $on } on and connect it to the network
help-renew-token = Renew the token
help-sync = Sync now
help-sync-note = What Apple has is read again
help-correct-registration = Resolve why Apple refused the registration
help-invite-again = Invite to the VPP terms again
help-accept-terms = { $person } accepts the VPP terms
help-accept-terms-note = By opening the invitation on the device
help-buy = Buy { $count ->
    [one] { $count } more licence
   *[other] { $count } more licences
}
help-buy-note = With { $all } everybody who waits gets one
help-buy-for-all-note = With that everybody who waits gets one
help-free = Take back { $count ->
    [one] { $count } licence
   *[other] { $count } licences
} from others
help-free-note = Deploy { $app } as Uninstall to a group that does not need it, or take groups out of its deployment
help-keep-fewer = Keep fewer licences for other groups
help-keep-fewer-note = Kept for { $groups }
help-move-up = Move { $whom } up in the line
help-move-up-note = It needs a reason, which stays in the history
help-consent = Allow the installation on { $on }
help-sign-in = Sign in to the App Store on { $on }
help-try-again = Try the installation on { $on } again

# The page.
answer-title = Why? { $person } and { $app }
answer-title-device = Why? { $device } and { $app }
answer-as-of = as of { $when }
answer-label = Answer
answer-devices = { $count ->
    [one] { $count } device
   *[other] { $count } devices
}
answer-state = State
answer-waits-for = Waiting for
answer-who = Who has to act
answer-nothing = Nothing
answer-licences = { $count ->
    [one] { $count } licence
   *[other] { $count } licences
}
answer-licences-at-least = At least { $count } licences
answer-after-others = After the { $count } who stand before
answer-after-at-least = After { $count } or more who stand before
answer-first = First in line
answer-chain = What happened, and what comes next
answer-chain-empty = Nothing has happened about this app.
answer-rules = The rules that decided
answer-rule-set = Rule set { $set }
answer-rules-empty = No deployment applies.
answer-outcome = Outcome
answer-helps = What would help
answer-helps-empty = There is nothing that can be done now.
answer-history = History
answer-link = Why?
answer-link-of = Why? { $name }
answer-unknown-device = an unknown device
