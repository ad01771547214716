# States, reasons, rules: one for each word of the domain.

install-installed = 설치됨
install-failed = 설치 실패
install-uninstall-failed = 제거 실패
install-pending = 보류 중인 설치
install-not-installed = 설치 안 됨
install-not-applicable = 요구 사항에 맞지 않음
install-unknown = 알 수 없음

detail-no-additional-details = 더 알려진 것이 없음
detail-see-install-error-code = 장치가 설치 오류를 알림
detail-see-uninstall-error-code = 장치가 제거 오류를 알림
detail-user-rejected-install = 사용자가 설치를 거부함
detail-user-is-not-logged-into-app-store = 장치가 App Store에 로그인되어 있지 않음
detail-managed-app-no-longer-present = 사용자가 앱을 지움
detail-minimum-os-version-not-met = 장치의 운영 체제 버전이 낮음
detail-platform-not-applicable = 이 플랫폼에서 쓸 수 없는 앱
detail-no-license-available = 남은 라이선스 없음
detail-waiting-for-license = 라이선스를 기다림
detail-program-refused = Apple이 사용자 등록을 거부함
detail-user-not-enrolled-in-program = 사용 약관 동의를 기다림
detail-token-not-usable = 토큰을 쓸 수 없음
detail-license-association-pending = Apple의 확인을 기다림
detail-apple-trouble = Apple이 일시적으로 처리하지 못함, 자동으로 다시 요청함
detail-license-refused = Apple이 라이선스 할당을 거부함
detail-app-not-described = 앱의 번들 ID를 아직 알 수 없음
detail-awaiting-user-consent = 사용자의 설치 승낙을 기다림
detail-awaiting-device = 장치의 응답을 기다림
detail-device-unreachable = 장치를 깨울 수 없음
detail-device-leaving = 장치를 사용 중지하거나 초기화하는 중, 그 뒤에 라이선스를 회수함
detail-no-eligible-device = 앱을 받을 수 있는 장치가 없음
detail-installed-unverified = 장치가 명령을 받음, 설치를 확인하는 중
detail-installing = 장치에 설치하는 중
detail-device-enrolled-through-dep = DEP로 등록한 장치 (2016 정책)
detail-not-requested = 아직 요청하지 않음
detail-deadline-ahead = 마감일에 자동으로 설치되며, 그 전에도 요청하면 설치됨
detail-uninstall-pending = 제거를 기다림
detail-license-return-pending = 앱이 제거됨, 라이선스를 회수하는 중
detail-installed-unmanaged = 사용자가 직접 설치함, 관리되지 않음

rule-no-deployment = 해당하는 배포가 없음
rule-only-intent = 충돌하는 배포가 없음
rule-device-group-beats-user-group = 장치 그룹의 배포가 사용자 그룹의 배포보다 앞섬
rule-available-despite-not-applicable = 장치 그룹이 해당 사항 없음이어도 사용 가능을 유지함
rule-administrator-beats-user = 관리자의 뜻이 사용자의 뜻보다 앞섬
rule-install-beats-uninstall = 설치가 제거보다 앞섬
rule-required-and-available-combine = 필수와 사용 가능을 함께 적용함
rule-uninstall-beats-available = 제거가 사용 가능보다 앞섬
rule-not-applicable-beats-rest = 해당 사항 없음이 같은 종류의 다른 승인보다 앞섬
rule-exclusion-not-evaluated = 다른 종류의 그룹에 정한 해당 사항 없음은 적용하지 않음
rule-set-2016 = 2016
rule-set-2020 = 2020

approval-required = 필수
approval-available = 사용 가능
approval-not-applicable = 해당 사항 없음
approval-uninstall = 제거
approval-required-and-available = 필수, 사용 가능
resolution-required-from = { $when }부터 필수

group-kind-user = 사용자 그룹
group-kind-device = 장치 그룹

token-valid = 정상
token-expiring-soon = 곧 만료됨
token-expired = 만료됨
token-revoked = 해지됨
token-invalid = 잘못된 토큰
token-assigned-to-external-mdm = 외부 MDM에 할당됨
token-read-only = 읽기만 가능

terms-not-invited = 초대 안 함
terms-creating = Apple에 등록하는 중
terms-refused = Apple이 등록을 거부함
terms-inviting = 초대하는 중
terms-invited = 초대함
terms-accepted = 동의함
terms-retiring = 탈퇴하는 중
terms-retired = 탈퇴함
invitation-waiting = 장치의 응답을 기다림
invitation-shown = 장치에 표시함
invitation-failed = 장치가 표시하지 못함
invitation-silent = 응답이 없어 다음 장치로 넘어감
invitation-dropped = 장치가 관리에서 벗어나거나 다시 등록됨
invitation-withdrawn = 필요하지 않게 되어 취소함
invitation-line = { $device }, { $time }: { $outcome }

seat-held = 사용 중
seat-reserved = Apple 확인 중
seat-returning = 회수하는 중
seat-waiting = 대기 { $place }번째
seat-none = 없음

enrolment-pending = 등록하는 중
enrolment-enrolled = 등록됨
enrolment-retiring = 사용 중지하는 중
enrolment-wiping = 초기화하는 중
enrolment-retired = 사용 중지됨
enrolment-wiped = 초기화됨
enrolment-removed = 목록에서 제거됨
enrolment-gone = 관리 해제됨
enrolment-silent = 오래 응답 없음
enrolment-dep = DEP
enrolment-user = 사용자 등록
enrolment-supervised = 감독됨

licence-owned = 보유
licence-used = 사용
licence-way = 진행 중
licence-foreign = 다른 서버
licence-free = 남음
licence-waiting = 대기
licence-unlimited = 무제한
licences-unlimited = { $used } 사용, 무제한
licences-way = 진행 중 { $count }
licences-foreign = 다른 서버 { $count }
meter-label = 보유 { $owned }, 사용 { $used }, 진행 중 { $way }, 다른 서버 { $foreign }, 남음 { $free }

country-kr = 대한민국
country-us = 미국
country-jp = 일본
country-cn = 중국
country-gb = 영국
country-de = 독일

severity-critical = 중요
severity-warning = 경고
severity-information = 정보

command-install-application = 앱 설치
command-remove-application = 앱 제거
command-invite-to-program = 프로그램 가입 안내
command-managed-application-list = 앱 목록 확인
command-device-information = 장치 정보 확인
command-device-configured = 설정 지원 마침
command-remove-profile = 관리 프로필 제거
command-erase-device = 장치 초기화
command-queued = 장치를 기다림
command-sent = 장치에 보냄
command-not-now = 장치가 나중으로 미룸
command-acknowledged = 장치가 받음
command-error = 오류
command-dropped = 보내지 않음
