# The pages, one after the other.

## Signing in

sign-in-title = 로그인
sign-in-console = 관리 콘솔
sign-in-console-of = { $organization } 관리 콘솔
sign-in-login = 로그인 이름
sign-in-password = 암호
sign-in-button = 로그인
sign-in-wrong = 로그인 이름 또는 암호가 맞지 않습니다.
sign-in-wait = 잘못된 시도가 많았습니다. { $span } 뒤에 다시 시도하십시오.
sign-in-busy = 지금 로그인하는 사람이 많습니다. 몇 초 뒤에 다시 시도하십시오.
sign-in-over = 세션이 끝났습니다. 다시 로그인하십시오. 마지막에 입력한 내용은 저장되지 않았습니다.
sign-in-forgotten = 암호를 잊으셨으면 다른 관리자에게 재설정을 요청하십시오.

## Dashboard

dashboard-empty-context = 토큰을 연결하면 구매한 앱과 라이선스가 여기에 나옵니다.
dashboard-location = { $location } 위치
dashboard-counts = 앱 { $apps }개, 사용자 { $people }명, 장치 { $devices }대
dashboard-token = 토큰
dashboard-details = 자세히
dashboard-days-left = 일 남음
dashboard-last-sync = 마지막 동기화
dashboard-sync-failed = 실패
dashboard-licences = 라이선스
dashboard-short = 앱 { $apps }개 부족, { $people }명이 기다림
dashboard-enough = 부족하지 않음
dashboard-free-of = 개 남음 / 보유 { $owned }개
dashboard-unlimited = 무제한 라이선스 앱 { $count }개는 세지 않습니다.
dashboard-todo = 확인할 일
dashboard-list = 목록
dashboard-critical = 중요 { $count }건
dashboard-warnings = 경고 { $count }건
dashboard-nothing = 문제 없음
dashboard-open = 건
dashboard-by-app = 앱별 라이선스
dashboard-by-app-order = 적게 남은 순서
dashboard-full-list = 표로 자세히 보기
dashboard-installs = 설치 상태
dashboard-as-devices-say = 장치 { $count }대 기준
dashboard-no-installs = 아직 배포한 앱이 없습니다.
dashboard-running = 진행 중인 작업

todo-token-taken = 다른 서버가 이 위치를 가져갔습니다: { $owner }
todo-token-expired = 토큰이 { $date }에 만료되었습니다.
todo-token-refused = Apple이 토큰을 받아들이지 않습니다.
todo-token-stopped = 새 라이선스를 할당할 수 없습니다. 설치된 앱은 그대로 있습니다.
todo-token-expiring = 토큰이 { $days }일 뒤에 만료됩니다.
todo-token-expiring-reason = { $date }까지 같은 계정의 새 토큰을 올리십시오.
todo-token-read-only = 토큰의 계정은 읽기만 가능하여 라이선스를 할당할 수 없습니다.
todo-apple-silent = { $since }부터 Apple이 응답하지 않습니다.
todo-apple-silent-reason = 자동으로 다시 요청합니다. 그동안 장치 관리는 계속됩니다.
todo-sync-failed = 마지막 동기화가 실패했습니다.
todo-short = { $app } 라이선스가 { $waiting }개 부족합니다. { $waiting }명이 기다립니다.
todo-since = { $time }부터
todo-foreign = { $app } 라이선스 { $owned }개 중 { $foreign }개를 다른 서버가 쓰고 있습니다. { $waiting }명이 기다립니다.
todo-apple-says = Apple이 알림
todo-install-failed = { $app }: 장치 { $devices }대에서 설치되지 않습니다.
todo-device-says = 장치가 알림
todo-terms = { $people }명이 VPP 사용 약관에 동의하지 않아 앱을 받지 못합니다.
todo-invited = 가장 오래된 초대: { $time }
todo-no-deployment = 앱 { $apps }개가 아직 배포되지 않았습니다.
todo-no-deployment-reason = 구매했지만 아무도 받지 않습니다.
verb-apps = 앱 보기
verb-devices = 장치 보기
verb-look = 확인
verb-people = 사용자 보기
verb-renew = 토큰 갱신
verb-solve = 해결 방법
verb-where = 사용처 보기

no-token = 아직 토큰이 없습니다
no-token-advice = Apple VPP 계정에서 토큰 파일(.vpptoken)을 내려받아 올리십시오. 올리면 구매한 앱과 라이선스를 곧바로 읽어 옵니다. 보통 1분이면 끝납니다.

## Apps

apps-title = 대량 구매 앱
apps-context = Apple에서 산 앱이 모두 나옵니다. 목록에 직접 추가하거나 삭제하지 않습니다.
apps-search = 앱 검색
apps-search-hint = 이름, 게시자, 번들 ID
apps-none = 해당하는 앱이 없습니다
apps-none-advice = 검색어나 필터를 바꾸십시오. 방금 구매했다면 지금 동기화를 누르십시오.

app-gone = { $date }부터 Apple의 목록에 없는 앱입니다. 새로 할당할 수 없습니다.
app-short = { $count }개 부족, { $count }명이 기다림
app-enough = 부족하지 않음
app-views = 앱 보기
tab-general = 일반
tab-deployment = 배포
tab-devices = 장치
tab-users = 사용자
tab-licences = 라이선스
tab-history = 기록
app-publisher = 게시자
app-version = 버전
app-bundle-id = 번들 ID
app-adam-id = App Store ID
app-product-type = 제품 유형
app-minimum-os = 최소 운영 체제
app-revocable = 라이선스 회수
app-device-assignable = 장치에 할당
app-retired = Apple이 거둔 라이선스
app-store-page = App Store에서 보기
app-users-none = 해당하는 사용자가 없습니다
app-users-none-advice = 배포 관리에서 그룹을 고르면 그 회원이 여기에 나옵니다.
app-devices-none = 해당하는 장치가 없습니다
app-devices-none-advice = 앱을 배포한 사용자의 장치가 여기에 나옵니다.
app-deployment-none = 아직 배포하지 않았습니다
app-deployment-none-advice = 그룹을 고르고 승인을 정하면 회원이 앱을 받습니다.
app-licences-none = 쓰고 있는 라이선스가 없습니다
app-licences-none-advice = 사용자가 약관에 동의하고 앱이 배포되면 라이선스가 하나씩 할당됩니다.
licences-foreign-note = 라이선스 { $count }개를 다른 서버가 할당했습니다. 이 서버는 그 할당을 읽기만 하고 바꾸지 않습니다.

waiting-title = 대기 목록 { $count }명
waiting-order = 우선순위가 높은 그룹, 필수, 먼저 요청한 순서입니다.
remedy-buy = 더 구매
remedy-buy-advice = { $count }개를 사면 대기 목록이 비워집니다. 구매한 뒤 동기화하면 자동으로 할당됩니다.
remedy-return = 라이선스 회수
remedy-return-advice = 쓰지 않는 그룹의 승인을 제거로 바꾸면 앱이 제거된 뒤 라이선스가 돌아옵니다.
remedy-return-foreign = 다른 서버가 { $count }개를 쓰고 있습니다. 그 서버에서 회수하면 이 서버가 쓸 수 있습니다.
remedy-narrow = 배포 대상 줄이기
remedy-narrow-advice = 필수를 사용 가능으로 바꾸면 요청한 사람만 라이선스를 씁니다.

## Deployment

deployment-manage = 배포 관리
deployment-context = { $app } · 보유 { $owned }, 사용 { $used }, 남음 { $free }
deployment-context-unlimited = { $app } · 사용 { $used }, 무제한
deployment-needs-group = 앱을 배포하려면 그룹이 하나 필요합니다.
deployment-choose = 그룹을 고르고 승인을 정하십시오
deployment-note-new = 새로 추가한 그룹입니다.
deployment-note-dropped = 지금 배포된 그룹입니다. 빼면 제거와 같이 처리합니다.
deployment-note-same = 지금과 같습니다.
deployment-note-changed = { $from }에서 { $to }{ PARTICLE($to, "으로/로") } 바꿨습니다.
deployment-note-uninstall = 앱이 제거된 것을 확인한 뒤 라이선스가 돌아옵니다.
deployment-rule-device-available = 장치 그룹은 사용 가능인 사용자 그룹과 함께 고를 때만 사용 가능을 고를 수 있습니다.
deployment-rule-mixed = 사용자 그룹과 장치 그룹을 한 번에 함께 정하면 사용 가능만 고를 수 있습니다. 다른 승인은 한 종류를 먼저 저장하고 다른 종류를 이어서 저장하십시오.
deployment-rule-deadline = 마감일은 필수에만 정할 수 있습니다. 마감일까지는 사용 가능과 같아서 요청한 사람만 설치하고, 마감일부터 필수로 설치합니다.
deployment-rule-uninstall = 라이선스는 앱이 장치에서 제거된 뒤에 돌아옵니다.
deployment-rule-set = 배포가 충돌하면 규칙 집합 { $set }에 따라 정합니다.
deployment-error = 저장하지 않았습니다. 표시된 그룹을 고치십시오.
deployment-error-device-available = 장치 그룹에는 사용 가능을 고를 수 없습니다. 필수, 해당 사항 없음, 제거 중에서 고르십시오.
deployment-error-mixed = 사용자 그룹과 장치 그룹을 한 번에 함께 정하면 사용 가능만 고를 수 있습니다. 한 종류의 그룹을 먼저 저장한 뒤 다른 종류를 저장하십시오.
deployment-error-deadline-not-required = 마감일은 필수에만 정할 수 있습니다. 마감일을 없음으로 바꾸십시오.
deployment-error-twice = 같은 그룹을 두 번 골랐습니다. 한 번만 고르십시오.
deployment-error-deadline = 날짜와 시각을 끝까지 입력하십시오.
deployment-error-past = 마감일이 지났습니다. 오늘이나 그 뒤로 정하십시오.
deployment-error-approval = 승인을 하나 고르십시오.
deadline-none = 없음
deadline-days = { $days }일 안 ({ $date }까지)
deadline-custom = 사용자 지정
deadline-custom-label = 마감 일시

preview-title = 미리 보기
preview-not-saved = 아직 저장되지 않음
preview-hint = 그룹과 승인을 정한 뒤 미리 보기를 새로 고치면, 누가 앱을 받고 누가 잃는지 보여 줍니다.
preview-refresh = 미리 보기 새로 고침
preview-nothing = 받거나 잃는 사람이 없습니다.
preview-gain = { $gains }명이 앱을 받습니다.
preview-lose = { $loses }명이 앱을 잃습니다.
preview-gain-lose = { $gains }명이 앱을 받고 { $loses }명이 잃습니다.
preview-at-once = 지금은 { $count }명까지 받습니다.
preview-used-now = 지금 쓰임
preview-needed = 새로 필요
preview-coming-back = 돌아올 예정
preview-after = 저장 후 / 보유
preview-gains = 받는 사람
preview-loses = 잃는 사람
preview-without = 받지 못하는 사람
preview-later = 마감일에 바뀌는 것
preview-later-needed = 라이선스가 새로 필요한 사람 { $needed }명, 그중 부족 { $waiting }명
preview-and-more = 외 { $count }명

## Volume Purchase Program

vpp-title = Apple VPP(Volume Purchase Program) 관리
vpp-context = 조직의 구매 토큰 하나를 이 서버에 연결합니다. 토큰을 내려받는 곳:
vpp-account = Apple VPP 계정
vpp-program = 대량 구매 프로그램 · { $name }
token-name = VPP 토큰 이름
token-organization = 조직
token-location = 위치
token-country = 국가/지역
token-uid = 계정 고유값 (uId)
token-last-modified = 마지막으로 업데이트된 시간
token-uploaded-by = { $name }{ PARTICLE($name, "이/가") } 올림
token-expires = 예상 만료 시간
token-last-sync = 마지막으로 동기화된 시간
token-never-synced = 아직 동기화하지 않음
token-owner = 관리하는 서버
token-owner-us = 이 서버
token-facts = 토큰 정보
token-renew = 토큰 갱신
token-time-left = 남은 기간
token-apps = 구매한 앱
token-licences = 보유 라이선스
year-label = 토큰 1년 가운데 { $gone }일이 지났고 { $left }일이 남았습니다. 만료 60일 전과 30일 전을 표시했습니다.
year-today = 오늘
year-60-days = 60일 전
syncs-title = 최근 동기화
syncs-when = 하루 두 번 자동으로 동기화합니다: { $times }
syncs-none = 아직 동기화하지 않았습니다.

upload-title = VPP 토큰 업로드
upload-intro = 파일의 내용을 먼저 읽고, 다음 단계에서 확인을 받습니다.
upload-intro-renewal = 지금 연결된 계정의 새 토큰만 받습니다. 파일의 내용을 먼저 읽고 확인을 받습니다.
upload-name-help = 이 콘솔에서만 쓰는 이름입니다.
upload-apple-id-help = 토큰을 내려받은 Apple VPP 계정의 Apple ID입니다.
upload-file = 토큰 파일
upload-file-help = Apple VPP 계정에서 내려받은 .vpptoken 파일. 다른 제품에서 쓰던 파일이면 새로 만드십시오.
upload-button = 업로드
upload-nothing-changed = 토큰을 받지 않았습니다. 바뀐 것이 없습니다.
upload-name-missing = VPP 토큰 이름을 입력하십시오.
upload-apple-id-missing = Apple ID를 입력하십시오.
upload-apple-id-malformed = Apple ID는 전자 메일 주소입니다. 끝까지 입력하십시오.
upload-file-missing = 토큰 파일을 고르십시오.

confirm-title = 이 계정을 연결하시겠습니까?
confirm-renewal-title = 토큰을 갱신하시겠습니까?
confirm-intro = 파일을 읽었습니다. 아직 아무것도 저장하지 않았습니다.
confirm-owner-now = 지금 관리하는 서버
confirm-owner-nobody = 없음. 바로 연결할 수 있습니다
confirm-box = 연결한 계정은 나중에 바꿀 수 없음을 확인합니다.
confirm-box-help = 되돌릴 수 없습니다. 이후에는 같은 계정의 갱신된 토큰만 받습니다. 이 토큰을 다른 MDM에 다시 올리면 할당이 사라질 수 있습니다.
confirm-yes = 예, 연결합니다
confirm-renewal-box = 이전 토큰 대신 이 토큰을 씁니다.
confirm-renewal-box-help = 연결된 계정은 그대로입니다. 이 토큰을 다른 MDM에 다시 올리면 할당이 사라질 수 있습니다.
confirm-renewal-yes = 예, 갱신합니다

token-refused-empty = 파일이 비어 있습니다. 바뀐 것이 없습니다. Apple VPP 계정에서 토큰을 다시 내려받아 올리십시오.
token-refused-too-large = 파일이 { $limit }KB보다 큽니다. 토큰 파일이 아닙니다. 바뀐 것이 없습니다. Apple VPP 계정에서 내려받은 .vpptoken 파일을 고르십시오.
token-refused-device-enrolment = 장치 등록(ADE, DEP)용 서버 토큰입니다. 앱을 구매하는 콘텐츠 토큰이 아닙니다. 바뀐 것이 없습니다. Apple VPP 계정의 앱 및 책에서 위치의 콘텐츠 토큰(.vpptoken)을 내려받아 올리십시오.
token-refused-not-base64 = 토큰 파일이 아닙니다. 내용이 base64 글자로 되어 있지 않습니다. 바뀐 것이 없습니다. 내려받은 .vpptoken 파일을 열거나 바꾸지 말고 그대로 올리십시오.
token-refused-not-json = 토큰 파일이 손상되었습니다. base64 안에 JSON이 없습니다. 바뀐 것이 없습니다. Apple VPP 계정에서 토큰을 다시 내려받아 올리십시오.
token-refused-not-a-content-token = 콘텐츠 토큰이 아닙니다. 파일에 { $missing } 항목이 없습니다. 바뀐 것이 없습니다. Apple VPP 계정에서 위치의 콘텐츠 토큰을 내려받아 올리십시오.
token-refused-bad-date = 토큰의 만료 날짜 "{ $date }"를 읽을 수 없습니다. 바뀐 것이 없습니다. Apple VPP 계정에서 토큰을 다시 내려받아 올리십시오.
token-refused-expired = 토큰이 { $date }에 만료되었습니다. 바뀐 것이 없습니다. Apple VPP 계정에서 새 토큰을 내려받아 올리십시오.
token-refused-same-again = 지금 연결된 것과 같은 토큰입니다. 바뀐 것이 없습니다. 갱신하려면 Apple VPP 계정에서 새 토큰을 내려받아 올리십시오.
token-refused-not-usable = 연결된 토큰으로는 Apple에 물을 수 없습니다. 먼저 토큰을 갱신하십시오.
token-refused-revoked = Apple이 해지한 토큰입니다. 암호를 바꾸었거나 더 새로운 토큰이 있을 수 있습니다. 바뀐 것이 없습니다. Apple VPP 계정에서 새 토큰을 내려받아 올리십시오.
token-refused-unrecognised = Apple이 이 토큰을 알지 못합니다(오류 { $number }). 바뀐 것이 없습니다. Apple VPP 계정에서 새 토큰을 내려받아 올리십시오.
token-refused-other-account = 다른 계정의 토큰입니다. 연결된 위치: { $linked }. 올린 토큰의 위치: { $given }. 연결한 계정은 바꿀 수 없습니다. 바뀐 것이 없습니다. { $linked } 위치의 토큰을 올리십시오.
token-refused-held-by-other = 다른 MDM 서버가 이 계정을 관리하고 있습니다: { $name } ({ $metadata }). 함께 쓰면 할당이 사라질 수 있어 연결하지 않았습니다. 바뀐 것이 없습니다. 그 서버에서 토큰을 해제한 뒤 새 토큰을 올리십시오.
token-refused-not-allowed = 이 토큰에는 라이선스를 관리할 권한이 없습니다(오류 { $number }). 바뀐 것이 없습니다. 콘텐츠 관리자 권한이 있는 Apple ID로 토큰을 다시 만들어 올리십시오.
token-refused-apple-unreachable = Apple에 연결하지 못해 토큰을 확인할 수 없습니다. 바뀐 것이 없습니다. 서버의 인터넷 연결을 확인하고 다시 시도하십시오.
token-refused-apple-refused = Apple이 토큰 확인을 거절했습니다(오류 { $number }). 바뀐 것이 없습니다. 잠시 뒤 다시 시도하십시오. 계속되면 새 토큰을 만드십시오.
token-refused-not-confirmed = 확인란을 선택하지 않았습니다. 바뀐 것이 없습니다. 내용을 읽고 확인란을 선택하십시오.
token-refused-upload-gone = 올린 파일이 더는 없습니다. 이미 연결했거나 취소했습니다. 토큰을 다시 올리십시오.

## Devices

device-enrol = 장치 등록
devices-none = 해당하는 장치가 없습니다
devices-none-advice = 사용자의 페이지에서 등록 링크를 만들어 보내면, 사용자가 자기 장치를 등록합니다.
devices-search = 장치 검색
devices-search-hint = 장치, 사용자, 일련번호
device-no-apps = 이 장치에 해당하는 앱이 없습니다.
device-commands = 최근 명령
device-no-commands = 아직 보낸 명령이 없습니다.
device-unreachable-since = { $when }부터 연결되지 않음
device-facts = 장치 정보
device-enrolled-at = 등록한 때
device-informed-at = 정보를 확인한 때
device-store-active = 로그인됨
device-store-inactive = 로그인되어 있지 않음
device-setup = 설정 지원
device-awaiting-configuration = 서버의 설정을 기다림
identity-title = 장치 인증서
identity-until = { $date }까지
identity-revoked-at = { $when } 폐기함
identity-revoke-title = 장치 인증서 폐기
identity-revoke-help = 장치나 백업을 잃어버려 인증서가 다른 사람에게 넘어갔을 수 있을 때 폐기하십시오.
identity-revoke-box = 이 장치의 말을 더 받지 않고, 이 장치를 더 깨우지 않습니다.
identity-revoke-box-help = 되돌릴 수 없습니다. 설치된 앱과 할당된 라이선스는 그대로 남습니다. 다시 관리하려면 사용자 페이지에서 새 등록 링크를 만들어 장치를 다시 등록하십시오.
identity-revoke-button = 인증서 폐기
identity-revoke-not-confirmed = 확인란을 선택하지 않았습니다. 바뀐 것이 없습니다.

## People

people-context = 앱과 라이선스를 받는 사람들입니다.
people-none = 해당하는 사용자가 없습니다
people-none-advice = 사용자를 추가하고 그룹에 넣으면 앱을 배포할 수 있습니다.
people-search = 사용자 검색
people-search-hint = 이름, 부서, 전자 메일
person-new = 사용자 추가
person-edit = 사용자 편집
person-email = 전자 메일
person-email-help = 비워 둘 수 있습니다. Apple에는 보내지 않습니다.
person-department = 부서
person-no-email = 전자 메일 없음
person-left-at = { $date } 퇴사
person-left-note = { $date }에 퇴사로 표시했습니다. 앱은 제거되고 라이선스는 돌아옵니다.
person-no-apps = 이 사용자에게 해당하는 앱이 없습니다.
person-no-devices = 등록한 장치가 없습니다.
person-no-groups = 속한 그룹이 없습니다.
request-button = 요청
request-for = { $app } 요청
install-again = 다시 설치
install-again-of = { $app } 다시 설치
install-again-on = { $device }에 다시 설치
withdraw-button = 요청 취소
withdraw-for = { $app } 요청 취소
invite-again = 다시 초대
invite-again-help = 초대는 한 번만 자동으로 보냅니다. 사용자가 놓쳤으면 다시 보내십시오.
link-title = 등록 링크
link-help = 한 번만 쓸 수 있는 링크를 만들어 사용자에게 보내십시오. 사용자가 자기 장치에서 열면 등록이 시작됩니다. 7일 동안 쓸 수 있습니다.
link-make = 등록 링크 만들기
link-once = 이 링크는 지금만 볼 수 있습니다. 복사해 사용자에게 보내십시오. 장치 한 대에 한 번만 쓸 수 있고 7일 뒤 만료됩니다.
link-label = 한 번만 쓸 수 있는 주소
link-copy = 복사
link-copied = 복사했습니다.
leave-title = 퇴사
leave-box = 이 사용자의 앱을 모두 제거하고 라이선스를 회수합니다.
leave-box-help = 되돌릴 수 없습니다. 앱이 제거된 것을 확인한 뒤 라이선스가 돌아옵니다.
leave-button = 퇴사로 표시
leave-not-confirmed = 확인란을 선택하지 않았습니다. 바뀐 것이 없습니다.

## Groups

groups-context = 앱은 그룹에 배포합니다.
groups-none = 그룹이 없습니다
groups-none-advice = 앱을 배포하려면 그룹이 하나 필요합니다. 사용자 그룹이나 장치 그룹을 만드십시오.
group-new = 그룹 만들기
group-facts = 그룹 정보
group-priority-help = 숫자가 클수록 회원이 먼저 라이선스를 받습니다.
group-priority-malformed = 정수를 입력하십시오.
group-save-members = 회원 저장
group-no-people = 아직 사용자가 없습니다. 먼저 사용자를 추가하십시오.
group-no-devices = 아직 등록한 장치가 없습니다.
group-no-apps = 이 그룹에 배포한 앱이 없습니다.
group-delete = 그룹 삭제
group-delete-help = 회원은 삭제되지 않습니다.
group-delete-refused = 배포한 앱이 있는 동안에는 삭제할 수 없습니다. 먼저 배포를 바꾸십시오.

## Activity, settings, search

activity-context = 진행 중인 작업과 모든 변경의 기록입니다.
history-earlier = 이전 기록
settings-context = 이 설치 전체에 적용합니다.
settings-policy = 배포 정책
settings-policy-2016 = 2016 정책
settings-policy-2016-help = 켜면 2016년 제품과 같이 움직입니다. DEP로 등록한 장치는 앱을 받을 수 없고, 남은 라이선스가 없으면 설치 실패로 표시합니다. 끄면 라이선스를 기다리는 것으로 표시합니다. 대기 순서는 같습니다.
settings-rule-set = 배포 충돌 규칙
settings-rule-set-help = 여러 배포가 한 장치에 겹칠 때 따르는 규칙입니다. 2016에서는 설치가 제거보다 앞서고, 2020에서는 같은 종류의 그룹에서 제거가 사용 가능보다 앞섭니다.
settings-server = 서버
settings-public-url = 공개 주소
settings-time-zone = 표준 시간대
settings-inventory = 앱 목록 확인 주기
settings-push = 장치 깨우기
settings-push-ready = 준비됨
settings-push-missing = 푸시 인증서 없음
settings-file = 이 값은 서버의 설정 파일에서 바꿉니다.
search-title = 찾기
search-context = "{ $query }": { $count }건
search-nothing = 찾은 것이 없습니다
search-nothing-advice = 이름의 일부, 일련번호, 번들 ID로 찾아 보십시오.

## What an employee sees

enrol-title = 장치 등록
enrol-intro = { $person } 님, { $organization }에서 산 앱을 받으려면 이 장치를 등록하십시오. 몇 분이면 끝납니다.
enrol-steps = 이렇게 진행됩니다
enrol-step-download = 아래에서 등록 프로필을 내려받으십시오.
enrol-step-download-more = 등록할 장치에서 Safari로 이 페이지를 열어 두십시오.
enrol-step-settings = 설정 앱에서 프로필을 설치하십시오.
enrol-step-settings-more = 설정 맨 위의 "프로필이 다운로드됨"을 누르고 설치를 누르십시오.
enrol-step-accept = 원격 관리를 허용하십시오.
enrol-step-accept-more = 장치의 암호를 물을 수 있습니다.
enrol-step-terms = Apple의 안내가 오면 프로그램에 가입하십시오.
enrol-step-terms-more = 쓰고 있는 Apple ID로 한 번만 동의하면 됩니다. 그 뒤에 앱이 설치됩니다.
enrol-download = 등록 프로필 내려받기
enrol-once = 이 링크는 장치 한 대에 한 번만 쓸 수 있습니다.
enrol-privacy = 회사가 보는 것과 보지 못하는 것
enrol-sees-device = 장치 이름, 모델, 일련번호, 운영 체제 버전
enrol-sees-apps = 회사가 준 앱의 설치 여부
enrol-sees-terms = 프로그램에 가입했는지 여부
enrol-not-account = Apple ID와 암호는 보지 못합니다
enrol-not-private = 개인이 산 앱, 사진, 메시지는 보지 못합니다
enrol-apple = 회사는 Apple에 이름 대신 임의의 식별자를 보냅니다.
enrol-used = 이미 쓴 링크입니다
enrol-used-advice = 링크는 한 번만 쓸 수 있습니다. 다른 장치를 등록하거나 다시 등록하려면 IT 담당자에게 새 링크를 요청하십시오.
enrol-expired = 만료된 링크입니다
enrol-expired-advice = 링크는 7일 동안만 쓸 수 있습니다. IT 담당자에게 새 링크를 요청하십시오.
enrol-unknown = 알 수 없는 링크입니다
enrol-unknown-advice = 주소가 끝까지 복사되었는지 확인하십시오. 그래도 열리지 않으면 IT 담당자에게 새 링크를 요청하십시오.
enrol-busy = 지금 등록하는 장치가 많습니다
enrol-busy-advice = 링크는 그대로 쓸 수 있습니다. 몇 초 뒤에 이 링크를 다시 여십시오.
enrol-not-ready = 아직 등록할 수 없습니다
enrol-not-ready-advice = 서버가 아직 준비되지 않았습니다. IT 담당자에게 알리십시오. 링크는 그대로 쓸 수 있습니다.
