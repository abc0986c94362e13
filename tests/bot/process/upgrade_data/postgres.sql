SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA dbos;
CREATE FUNCTION dbos.enqueue_workflow(workflow_name text, queue_name text, positional_args json[] DEFAULT ARRAY[]::json[], named_args json DEFAULT '{}'::json, class_name text DEFAULT NULL::text, config_name text DEFAULT NULL::text, workflow_id text DEFAULT NULL::text, app_version text DEFAULT NULL::text, timeout_ms bigint DEFAULT NULL::bigint, deadline_epoch_ms bigint DEFAULT NULL::bigint, deduplication_id text DEFAULT NULL::text, priority integer DEFAULT NULL::integer, queue_partition_key text DEFAULT NULL::text, authenticated_user text DEFAULT NULL::text, authenticated_roles text DEFAULT NULL::text, delay_until_epoch_ms bigint DEFAULT NULL::bigint, application_name text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_workflow_id TEXT;
    v_serialized_inputs TEXT;
    v_owner_xid TEXT;
    v_now BIGINT;
    v_recovery_attempts INT4 := 0;
    v_priority INT4;
    v_status TEXT;
BEGIN
    -- Validate required parameters
    IF workflow_name IS NULL OR workflow_name = '' THEN
        RAISE EXCEPTION 'Workflow name cannot be null or empty';
    END IF;
    IF queue_name IS NULL OR queue_name = '' THEN
        RAISE EXCEPTION 'Queue name cannot be null or empty';
    END IF;
    IF named_args IS NOT NULL AND jsonb_typeof(named_args::jsonb) != 'object' THEN
        RAISE EXCEPTION 'Named args must be a JSON object';
    END IF;
    IF workflow_id IS NOT NULL AND workflow_id = '' THEN
        RAISE EXCEPTION 'Workflow ID cannot be an empty string if provided.';
    END IF;
    IF delay_until_epoch_ms IS NOT NULL AND delay_until_epoch_ms < 0 THEN
        RAISE EXCEPTION 'delay_until_epoch_ms must be >= 0';
    END IF;
    v_workflow_id := COALESCE(workflow_id, gen_random_uuid()::TEXT);
    v_owner_xid := gen_random_uuid()::TEXT;
    v_priority := COALESCE(priority, 0);
    v_serialized_inputs := json_build_object(
        'positionalArgs', positional_args,
        'namedArgs', named_args
    )::TEXT;
    v_now := EXTRACT(epoch FROM now()) * 1000;
    v_status := CASE WHEN delay_until_epoch_ms IS NULL THEN 'ENQUEUED' ELSE 'DELAYED' END;
    INSERT INTO "dbos".workflow_status (
        workflow_uuid, status,
        name, class_name, config_name,
        queue_name, deduplication_id, priority, queue_partition_key,
        application_version,
        created_at, updated_at, recovery_attempts,
        workflow_timeout_ms, workflow_deadline_epoch_ms,
        parent_workflow_id, owner_xid, serialization,
        authenticated_user, authenticated_roles,
        delay_until_epoch_ms, application_name
    ) VALUES (
        v_workflow_id, v_status,
        workflow_name, class_name, config_name,
        queue_name, deduplication_id, v_priority, queue_partition_key,
        app_version,
        v_now, v_now, v_recovery_attempts,
        timeout_ms, deadline_epoch_ms,
        NULL, v_owner_xid, 'portable_json',
        authenticated_user, authenticated_roles,
        delay_until_epoch_ms, application_name
    )
    ON CONFLICT (workflow_uuid)
    DO UPDATE SET
        updated_at = EXCLUDED.updated_at;
    INSERT INTO "dbos".workflow_input (
        workflow_uuid, inputs, retention_timestamp
    ) VALUES (
        v_workflow_id, v_serialized_inputs, v_now
    )
    ON CONFLICT (workflow_uuid) DO NOTHING;
    RETURN v_workflow_id;
EXCEPTION
    WHEN unique_violation THEN
        RAISE EXCEPTION 'DBOS queue duplicated'
            USING DETAIL = format('Workflow %s with queue %s and deduplication ID %s already exists', v_workflow_id, queue_name, deduplication_id),
                ERRCODE = 'unique_violation';
END;
$$;
CREATE FUNCTION dbos.notifications_function() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    payload text := NEW.destination_uuid || '::' || NEW.topic;
BEGIN
    PERFORM pg_notify('dbos_notifications_channel', payload);
    RETURN NEW;
END;
$$;
CREATE FUNCTION dbos.send_message(destination_id text, message json, topic text DEFAULT NULL::text, message_id text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    v_topic TEXT := COALESCE(topic, '__null__topic__');
    v_message_id TEXT := COALESCE(message_id, gen_random_uuid()::TEXT);
BEGIN
    INSERT INTO "dbos".notifications (
        destination_uuid, topic, message, message_uuid, serialization
    ) VALUES (
        destination_id, v_topic, message, v_message_id, 'portable_json'
    )
    ON CONFLICT (message_uuid) DO NOTHING;
EXCEPTION
    WHEN foreign_key_violation THEN
        RAISE EXCEPTION 'DBOS non-existent workflow'
            USING DETAIL = format('Destination workflow %s does not exist', destination_id),
                ERRCODE = 'foreign_key_violation';
END;
$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE dbos.application_versions (
    version_id text NOT NULL,
    version_name text NOT NULL,
    version_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    created_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    application_name text
);
CREATE TABLE dbos.dbos_migrations (
    version bigint NOT NULL
);
CREATE TABLE dbos.event_dispatch_kv (
    service_name text NOT NULL,
    workflow_fn_name text NOT NULL,
    key text NOT NULL,
    value text,
    update_seq numeric(38,0),
    update_time numeric(38,15)
);
CREATE TABLE dbos.notifications (
    message_uuid text DEFAULT gen_random_uuid() NOT NULL,
    destination_uuid text NOT NULL,
    topic text,
    message text NOT NULL,
    created_at_epoch_ms bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    serialization text,
    consumed boolean DEFAULT false NOT NULL,
    consumed_by_function_id integer
);
CREATE TABLE dbos.operation_outputs (
    workflow_uuid text NOT NULL,
    function_id integer NOT NULL,
    function_name text DEFAULT ''::text NOT NULL,
    output text,
    error text,
    child_workflow_id text,
    started_at_epoch_ms bigint,
    completed_at_epoch_ms bigint,
    serialization text,
    application_name text,
    retention_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL
);
CREATE TABLE dbos.queues (
    queue_id text DEFAULT (gen_random_uuid())::text NOT NULL,
    name text NOT NULL,
    concurrency integer,
    worker_concurrency integer,
    rate_limit_max integer,
    rate_limit_period_sec double precision,
    priority_enabled boolean DEFAULT false NOT NULL,
    partition_queue boolean DEFAULT false NOT NULL,
    polling_interval_sec double precision DEFAULT 1.0 NOT NULL,
    created_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    updated_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    application_name text,
    partition_concurrency integer,
    partition_worker_concurrency integer,
    partition_rate_limit_max integer,
    partition_rate_limit_period_sec double precision
);
CREATE TABLE dbos.streams (
    workflow_uuid text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    "offset" integer NOT NULL,
    function_id integer DEFAULT 0 NOT NULL,
    serialization text
);
CREATE TABLE dbos.workflow_events (
    workflow_uuid text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    serialization text
);
CREATE TABLE dbos.workflow_events_history (
    workflow_uuid text NOT NULL,
    function_id integer NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    serialization text
);
CREATE TABLE dbos.workflow_input (
    workflow_uuid text NOT NULL,
    inputs text,
    retention_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL
);
CREATE TABLE dbos.workflow_output (
    workflow_uuid text NOT NULL,
    output text,
    error text,
    retention_timestamp bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL
);
CREATE TABLE dbos.workflow_schedules (
    schedule_id text NOT NULL,
    schedule_name text NOT NULL,
    workflow_name text NOT NULL,
    workflow_class_name text,
    schedule text NOT NULL,
    status text DEFAULT 'ACTIVE'::text NOT NULL,
    context text NOT NULL,
    last_fired_at text,
    automatic_backfill boolean DEFAULT false NOT NULL,
    cron_timezone text,
    queue_name text,
    application_name text
);
CREATE TABLE dbos.workflow_status (
    workflow_uuid text NOT NULL,
    status text,
    name text,
    authenticated_user text,
    assumed_role text,
    authenticated_roles text,
    request text,
    output text,
    error text,
    executor_id text,
    created_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    updated_at bigint DEFAULT ((EXTRACT(epoch FROM now()) * 1000.0))::bigint NOT NULL,
    application_version text,
    application_id text,
    class_name character varying(255) DEFAULT NULL::character varying,
    config_name character varying(255) DEFAULT NULL::character varying,
    recovery_attempts bigint DEFAULT 0,
    queue_name text,
    workflow_timeout_ms bigint,
    workflow_deadline_epoch_ms bigint,
    inputs text,
    started_at_epoch_ms bigint,
    deduplication_id text,
    priority integer DEFAULT 0 NOT NULL,
    queue_partition_key text,
    forked_from text,
    owner_xid text,
    parent_workflow_id text,
    serialization text,
    delay_until_epoch_ms bigint,
    was_forked_from boolean DEFAULT false NOT NULL,
    rate_limited boolean DEFAULT false NOT NULL,
    completed_at bigint,
    attributes jsonb,
    schedule_name text,
    debounce_deadline_epoch_ms bigint,
    is_debounced boolean DEFAULT false NOT NULL,
    application_name text,
    creator_xid text
);
CREATE TABLE public.conversations (
    key character varying(200) NOT NULL,
    state text,
    data json
);
CREATE TABLE public.draft_messages (
    chat bigint NOT NULL,
    message bigint NOT NULL,
    draft character varying(32) NOT NULL,
    seen double precision NOT NULL
);
CREATE TABLE public.drafts (
    id character varying(32) NOT NULL,
    "user" bigint NOT NULL,
    chat bigint NOT NULL,
    message bigint NOT NULL,
    topic bigint,
    language character varying(8) NOT NULL,
    clip json,
    backgrounds json NOT NULL,
    look json NOT NULL,
    album character varying(64),
    note bigint,
    card bigint,
    used boolean NOT NULL,
    created double precision NOT NULL
);
CREATE TABLE public.jobs (
    id character varying(32) NOT NULL,
    origin character varying(128) NOT NULL,
    "user" bigint NOT NULL,
    chat bigint NOT NULL,
    topic bigint,
    reply_to bigint,
    language character varying(8) NOT NULL,
    "order" json NOT NULL,
    state character varying(16) NOT NULL,
    stage character varying(16) NOT NULL,
    status bigint,
    cancelled boolean NOT NULL,
    attempts integer NOT NULL,
    deaths integer NOT NULL,
    furthest character varying(32) NOT NULL,
    due double precision NOT NULL,
    pauses integer NOT NULL,
    created double precision NOT NULL,
    started double precision,
    parked double precision,
    ended double precision,
    fault character varying(64),
    result bigint,
    file_id text,
    told boolean NOT NULL,
    noticed double precision NOT NULL
);
CREATE TABLE public.knobs (
    key character varying(64) NOT NULL,
    value json NOT NULL
);
CREATE TABLE public.measures (
    id integer NOT NULL,
    job character varying(32) NOT NULL,
    stage character varying(16) NOT NULL,
    place text NOT NULL,
    seconds double precision NOT NULL,
    dollars double precision NOT NULL,
    at double precision NOT NULL
);
CREATE SEQUENCE public.measures_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.measures_id_seq OWNED BY public.measures.id;
CREATE TABLE public.people (
    "user" bigint NOT NULL,
    language character varying(8),
    look json
);
CREATE TABLE public.schema_version (
    "only" integer NOT NULL,
    version integer NOT NULL
);
ALTER TABLE ONLY public.measures ALTER COLUMN id SET DEFAULT nextval('public.measures_id_seq'::regclass);
INSERT INTO dbos.application_versions VALUES ('9b3cd886-7a44-4c93-b08c-3ef304ce8621', '1', @-28.677ms@, @-28.677ms@, 'overlaybot');
INSERT INTO dbos.dbos_migrations VALUES (125);
INSERT INTO dbos.operation_outputs VALUES ('6VBS-cLhrDVopn8I', 1, 'Jobs.fetch', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-26.571ms@, @-26.506ms@, 'py_pickle', 'overlaybot', @-26.503ms@);
INSERT INTO dbos.operation_outputs VALUES ('6VBS-cLhrDVopn8I', 2, 'Jobs.plan', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-26.498ms@, @-26.307ms@, 'py_pickle', 'overlaybot', @-26.305ms@);
INSERT INTO dbos.operation_outputs VALUES ('6VBS-cLhrDVopn8I', 3, 'Jobs.mattes', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-26.304ms@, @-23.997ms@, 'py_pickle', 'overlaybot', @-23.994ms@);
INSERT INTO dbos.operation_outputs VALUES ('6VBS-cLhrDVopn8I', 4, 'Jobs.compose', 'gASVYwAAAAAAAAB9lCiMBGtpbmSUjARtYWRllIwFd2lkdGiUTUABjAZoZWlnaHSUTUABjAdzZWNvbmRzlEdAAAAAAAAAAIwIcmVuZGVyZXKUjAVsb2NhbJSMB2RvbGxhcnOURwAAAAAAAAAAdS4=', NULL, NULL, @-23.986ms@, @-23.751ms@, 'py_pickle', 'overlaybot', @-23.741ms@);
INSERT INTO dbos.operation_outputs VALUES ('6VBS-cLhrDVopn8I', 5, 'Jobs.deliver', 'gASVVwAAAAAAAAB9lCiMBGtpbmSUjAlkZWxpdmVyZWSUjAdtZXNzYWdllEsHjAdmaWxlX2lklIwmdmlkZW8tOGZId2YtUG9menVmS1cxb0phRUFCcUNCbUpSSVJ4UmuUdS4=', NULL, NULL, @-23.737ms@, @-23.714ms@, 'py_pickle', 'overlaybot', @-23.713ms@);
INSERT INTO dbos.operation_outputs VALUES ('6VBS-cLhrDVopn8I', 6, 'Jobs.tell', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-23.712ms@, @-23.705ms@, 'py_pickle', 'overlaybot', @-23.704ms@);
INSERT INTO dbos.operation_outputs VALUES ('6VBS-cLhrDVopn8I', 7, 'Jobs.close', 'gAROLg==', NULL, NULL, @-23.698ms@, @-23.687ms@, 'py_pickle', 'overlaybot', @-23.686ms@);
INSERT INTO dbos.operation_outputs VALUES ('0kilpwg8jPcg3GXP', 1, 'Jobs.fetch', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-23.195ms@, @-23.164ms@, 'py_pickle', 'overlaybot', @-23.162ms@);
INSERT INTO dbos.operation_outputs VALUES ('0kilpwg8jPcg3GXP', 2, 'Jobs.plan', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-23.160ms@, @-22.934ms@, 'py_pickle', 'overlaybot', @-22.933ms@);
INSERT INTO dbos.operation_outputs VALUES ('0kilpwg8jPcg3GXP', 3, 'Jobs.mattes', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-22.932ms@, @-20.727ms@, 'py_pickle', 'overlaybot', @-20.721ms@);
INSERT INTO dbos.operation_outputs VALUES ('0kilpwg8jPcg3GXP', 4, 'Jobs.compose', 'gASVYwAAAAAAAAB9lCiMBGtpbmSUjARtYWRllIwFd2lkdGiUTUABjAZoZWlnaHSUTUABjAdzZWNvbmRzlEdAAAAAAAAAAIwIcmVuZGVyZXKUjAVsb2NhbJSMB2RvbGxhcnOURwAAAAAAAAAAdS4=', NULL, NULL, @-20.718ms@, @-20.431ms@, 'py_pickle', 'overlaybot', @-20.430ms@);
INSERT INTO dbos.operation_outputs VALUES ('0kilpwg8jPcg3GXP', 5, 'Jobs.deliver', 'gASVVwAAAAAAAAB9lCiMBGtpbmSUjAlkZWxpdmVyZWSUjAdtZXNzYWdllEsFjAdmaWxlX2lklIwmdmlkZW8tYzZsNjN1dWpRVWwzVlYwa1EwaUJnc0p5Tmg0V2o0MUyUdS4=', NULL, NULL, @-20.429ms@, @-20.412ms@, 'py_pickle', 'overlaybot', @-20.411ms@);
INSERT INTO dbos.operation_outputs VALUES ('0kilpwg8jPcg3GXP', 6, 'Jobs.tell', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-20.410ms@, @-20.407ms@, 'py_pickle', 'overlaybot', @-20.406ms@);
INSERT INTO dbos.operation_outputs VALUES ('_SKjMo8XALqP1kUB', 1, 'Jobs.fetch', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-20.174ms@, @-20.162ms@, 'py_pickle', 'overlaybot', @-20.161ms@);
INSERT INTO dbos.operation_outputs VALUES ('_SKjMo8XALqP1kUB', 2, 'Jobs.plan', 'gASVFQAAAAAAAAB9lIwEa2luZJSMB3N0b3BwZWSUcy4=', NULL, NULL, @-20.158ms@, @-20.123ms@, 'py_pickle', 'overlaybot', @-20.122ms@);
INSERT INTO dbos.operation_outputs VALUES ('itrj_yG1yD_WEpc_', 1, 'Jobs.fetch', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-19.810ms@, @-19.767ms@, 'py_pickle', 'overlaybot', @-19.759ms@);
INSERT INTO dbos.operation_outputs VALUES ('itrj_yG1yD_WEpc_', 2, 'Jobs.plan', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-19.754ms@, @-19.562ms@, 'py_pickle', 'overlaybot', @-19.561ms@);
INSERT INTO dbos.operation_outputs VALUES ('itrj_yG1yD_WEpc_', 3, 'Jobs.mattes', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-19.553ms@, @-17.403ms@, 'py_pickle', 'overlaybot', @-17.401ms@);
INSERT INTO dbos.operation_outputs VALUES ('itrj_yG1yD_WEpc_', 4, 'Jobs.compose', 'gASVYwAAAAAAAAB9lCiMBGtpbmSUjARtYWRllIwFd2lkdGiUTUABjAZoZWlnaHSUTUABjAdzZWNvbmRzlEdAAAAAAAAAAIwIcmVuZGVyZXKUjAVsb2NhbJSMB2RvbGxhcnOURwAAAAAAAAAAdS4=', NULL, NULL, @-17.400ms@, @-17.181ms@, 'py_pickle', 'overlaybot', @-17.179ms@);
INSERT INTO dbos.operation_outputs VALUES ('9Rwy33v5mUqo4jbn', 1, 'Jobs.fetch', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-15.225ms@, @-15.216ms@, 'py_pickle', 'overlaybot', @-15.210ms@);
INSERT INTO dbos.operation_outputs VALUES ('9Rwy33v5mUqo4jbn', 2, 'Jobs.plan', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-15.199ms@, @-14.977ms@, 'py_pickle', 'overlaybot', @-14.968ms@);
INSERT INTO dbos.operation_outputs VALUES ('9Rwy33v5mUqo4jbn', 3, 'Jobs.mattes', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-14.963ms@, @-14.772ms@, 'py_pickle', 'overlaybot', @-14.769ms@);
INSERT INTO dbos.operation_outputs VALUES ('GJ8CxKvWWjf_-4v5', 1, 'Jobs.fetch', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-12.435ms@, @-12.403ms@, 'py_pickle', 'overlaybot', @-12.395ms@);
INSERT INTO dbos.operation_outputs VALUES ('GJ8CxKvWWjf_-4v5', 2, 'Jobs.plan', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-12.388ms@, @-12.199ms@, 'py_pickle', 'overlaybot', @-12.197ms@);
INSERT INTO dbos.operation_outputs VALUES ('ZMGEp3durcXQbgVS', 1, 'Jobs.fetch', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-12.098ms@, @-12.070ms@, 'py_pickle', 'overlaybot', @-12.066ms@);
INSERT INTO dbos.operation_outputs VALUES ('ZMGEp3durcXQbgVS', 2, 'Jobs.plan', 'gASVEgAAAAAAAAB9lIwEa2luZJSMBGRvbmWUcy4=', NULL, NULL, @-12.065ms@, @-11.892ms@, 'py_pickle', 'overlaybot', @-11.891ms@);
INSERT INTO dbos.operation_outputs VALUES ('ZMGEp3durcXQbgVS', 3, 'Jobs.mattes', 'gASVNgAAAAAAAAB9lCiMBGtpbmSUjAVsYXRlcpSMB3NlY29uZHOUR0AuAAAAAAAAjAN3aHmUjAZub2JvZHmUdS4=', NULL, NULL, @-11.889ms@, @-11.694ms@, 'py_pickle', 'overlaybot', @-11.693ms@);
INSERT INTO dbos.workflow_input VALUES ('6VBS-cLhrDVopn8I', 'gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBA2VkJTLWNMaHJEVm9wbjhJlIWUjAZrd2FyZ3OUfZR1Lg==', @-26.586ms@);
INSERT INTO dbos.workflow_input VALUES ('0kilpwg8jPcg3GXP', 'gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBAwa2lscHdnOGpQY2czR1hQlIWUjAZrd2FyZ3OUfZR1Lg==', @-23.205ms@);
INSERT INTO dbos.workflow_input VALUES ('_SKjMo8XALqP1kUB', 'gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBBfU0tqTW84WEFMcVAxa1VClIWUjAZrd2FyZ3OUfZR1Lg==', @-20.177ms@);
INSERT INTO dbos.workflow_input VALUES ('itrj_yG1yD_WEpc_', 'gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBBpdHJqX3lHMXlEX1dFcGNflIWUjAZrd2FyZ3OUfZR1Lg==', @-19.820ms@);
INSERT INTO dbos.workflow_input VALUES ('9Rwy33v5mUqo4jbn', 'gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBA5Und5MzN2NW1VcW80amJulIWUjAZrd2FyZ3OUfZR1Lg==', @-15.230ms@);
INSERT INTO dbos.workflow_input VALUES ('GJ8CxKvWWjf_-4v5', 'gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBBHSjhDeEt2V1dqZl8tNHY1lIWUjAZrd2FyZ3OUfZR1Lg==', @-12.448ms@);
INSERT INTO dbos.workflow_input VALUES ('ZMGEp3durcXQbgVS', 'gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBBaTUdFcDNkdXJjWFFiZ1ZTlIWUjAZrd2FyZ3OUfZR1Lg==', @-12.111ms@);
INSERT INTO dbos.workflow_input VALUES ('OFwP7MSJ7H2QmmuZ', 'gASVLAAAAAAAAAB9lCiMBGFyZ3OUjBBPRndQN01TSjdIMlFtbXValIWUjAZrd2FyZ3OUfZR1Lg==', @-11.575ms@);
INSERT INTO dbos.workflow_output VALUES ('6VBS-cLhrDVopn8I', 'gAROLg==', NULL, @-23.678ms@);
INSERT INTO dbos.workflow_status VALUES ('6VBS-cLhrDVopn8I', 'SUCCESS', 'Jobs.run', NULL, NULL, NULL, NULL, NULL, NULL, 'bot', @-26.586ms@, @-23.678ms@, '1', '', 'Jobs', 'jobs', 1, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, 'py_pickle', NULL, false, false, @-23.678ms@, 'null', NULL, NULL, false, 'overlaybot', '27dd2de9-5df9-4337-b3aa-722e85e08b77');
INSERT INTO dbos.workflow_status VALUES ('0kilpwg8jPcg3GXP', 'PENDING', 'Jobs.run', NULL, NULL, NULL, NULL, NULL, NULL, 'bot', @-23.205ms@, @-23.205ms@, '1', '', 'Jobs', 'jobs', 1, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, '296f8b8c-0996-4d02-bc7b-5d8732164f74', NULL, 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'overlaybot', '296f8b8c-0996-4d02-bc7b-5d8732164f74');
INSERT INTO dbos.workflow_status VALUES ('_SKjMo8XALqP1kUB', 'PENDING', 'Jobs.run', NULL, NULL, NULL, NULL, NULL, NULL, 'bot', @-20.177ms@, @-20.177ms@, '1', '', 'Jobs', 'jobs', 1, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, '7414a047-a712-408d-9c10-b44c0607efb9', NULL, 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'overlaybot', '7414a047-a712-408d-9c10-b44c0607efb9');
INSERT INTO dbos.workflow_status VALUES ('itrj_yG1yD_WEpc_', 'PENDING', 'Jobs.run', NULL, NULL, NULL, NULL, NULL, NULL, 'bot', @-19.820ms@, @-19.820ms@, '1', '', 'Jobs', 'jobs', 1, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, '224b671b-9d2c-4a57-8d52-f5016a67d164', NULL, 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'overlaybot', '224b671b-9d2c-4a57-8d52-f5016a67d164');
INSERT INTO dbos.workflow_status VALUES ('9Rwy33v5mUqo4jbn', 'PENDING', 'Jobs.run', NULL, NULL, NULL, NULL, NULL, NULL, 'bot', @-15.230ms@, @-15.230ms@, '1', '', 'Jobs', 'jobs', 1, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, 'eb42a016-94c1-40b9-9f88-ace294716dd7', NULL, 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'overlaybot', 'eb42a016-94c1-40b9-9f88-ace294716dd7');
INSERT INTO dbos.workflow_status VALUES ('GJ8CxKvWWjf_-4v5', 'PENDING', 'Jobs.run', NULL, NULL, NULL, NULL, NULL, NULL, 'bot', @-12.448ms@, @-12.448ms@, '1', '', 'Jobs', 'jobs', 1, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, '6dd078d6-d054-447f-8c09-73c08a0799d2', NULL, 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'overlaybot', '6dd078d6-d054-447f-8c09-73c08a0799d2');
INSERT INTO dbos.workflow_status VALUES ('ZMGEp3durcXQbgVS', 'PENDING', 'Jobs.run', NULL, NULL, NULL, NULL, NULL, NULL, 'bot', @-12.111ms@, @-12.111ms@, '1', '', 'Jobs', 'jobs', 1, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, '88ae6edb-278d-431e-b8ee-f4018f269e8d', NULL, 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'overlaybot', '88ae6edb-278d-431e-b8ee-f4018f269e8d');
INSERT INTO dbos.workflow_status VALUES ('OFwP7MSJ7H2QmmuZ', 'PENDING', 'Jobs.run', NULL, NULL, NULL, NULL, NULL, NULL, 'bot', @-11.575ms@, @-11.575ms@, '1', '', 'Jobs', 'jobs', 1, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, 'cf33e358-9011-4981-8876-8facede05e64', NULL, 'py_pickle', NULL, false, false, NULL, 'null', NULL, NULL, false, 'overlaybot', 'cf33e358-9011-4981-8876-8facede05e64');
INSERT INTO public.conversations VALUES ('fsm:4242:111:111:default', 'Waiting:background', '{"draft": "LB1_qfJslDfETFPa"}');
INSERT INTO public.draft_messages VALUES (101, 3, 'W674OhMtaEP7TAod', @-27.816@);
INSERT INTO public.draft_messages VALUES (102, 1, 'KBU479DYZYJ9aIqt', @-23.586@);
INSERT INTO public.draft_messages VALUES (103, 1, 'JDNIwHmL24eA9L1S', @-20.395@);
INSERT INTO public.draft_messages VALUES (104, 1, 'TrNijVKBWdTBu1YC', @-20.123@);
INSERT INTO public.draft_messages VALUES (105, 1, 'ETNU_I07BiwY41Ce', @-17.140@);
INSERT INTO public.draft_messages VALUES (105, 2, 'TsLgTMbMlmcUWSFe', @-17.085@);
INSERT INTO public.draft_messages VALUES (110, 1, 'NuGy7mVER6rB5vG3', @-14.691@);
INSERT INTO public.draft_messages VALUES (111, 1, 'LB1_qfJslDfETFPa', @-14.208@);
INSERT INTO public.draft_messages VALUES (108, 1, 'yUsJgRKcD1gAbH4p', @-13.890@);
INSERT INTO public.draft_messages VALUES (109, 1, 'AGg-HKmK_t9Q7Fjw', @-13.511@);
INSERT INTO public.draft_messages VALUES (107, 1, '8uaCSpHSoL_8Ao23', @-13.173@);
INSERT INTO public.draft_messages VALUES (106, 1, 'ZQjEk8tBCXD1MvH2', @-12.950@);
INSERT INTO public.draft_messages VALUES (112, 1, 'U5YBbPLbChWSsvKy', @-12.508@);
INSERT INTO public.drafts VALUES ('ETNU_I07BiwY41Ce', 105, 105, 1, NULL, 'en', '{"kind": "video", "file_id": "video-_zZSA1fqxaetWEeUKkv-S_PVaOsPovv-", "link": "", "size": 20050, "seconds": 2.0}', '[{"kind": "photo", "file_id": "photo-QM7stt3OOB85dcRJ6hHMTj7MfB2HoDmZ", "link": "", "size": 693, "seconds": null}]', '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "file", "colour": "#1d3557", "source": {"kind": "photo", "file_id": "photo-QM7stt3OOB85dcRJ6hHMTj7MfB2HoDmZ", "link": "", "size": 693, "seconds": null}}, "engine": "mediapipe"}', 'eec23ef6fc505f3e', 3, 4, true, @-17.140@);
INSERT INTO public.drafts VALUES ('W674OhMtaEP7TAod', 101, 101, 3, NULL, 'ru', '{"kind": "video", "file_id": "video-Ek2KO_9d-ys-PIGSMH_i8eOpdjiX99Vt", "link": "", "size": 20047, "seconds": 2.0}', '[]', '{"shape": "rounded", "corner": "bottom-right", "size": "large", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}', NULL, 4, 5, true, @-27.816@);
INSERT INTO public.drafts VALUES ('U5YBbPLbChWSsvKy', 112, 112, 1, NULL, 'en', '{"kind": "video", "file_id": "video-a-u6Q_SOUV4Nx6_Qdqo8AQ57PBZxUZSF", "link": "", "size": 20050, "seconds": 2.0}', '[]', '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}', NULL, 2, NULL, false, @-12.508@);
INSERT INTO public.drafts VALUES ('KBU479DYZYJ9aIqt', 102, 102, 1, NULL, 'en', '{"kind": "video", "file_id": "video-JNr0EsoluhujAHsKkSKCC_hBIifvGAzB", "link": "", "size": 20047, "seconds": 2.0}', '[]', '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}', NULL, 2, 3, true, @-23.586@);
INSERT INTO public.drafts VALUES ('NuGy7mVER6rB5vG3', 110, 110, 1, NULL, 'en', '{"kind": "video", "file_id": "video-ieIYKzo80jpmEkBSMuXtOGw2wSi8xkbc", "link": "", "size": 20022, "seconds": 2.0}', '[]', '{"shape": "rect", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}', NULL, 2, 3, false, @-14.691@);
INSERT INTO public.drafts VALUES ('JDNIwHmL24eA9L1S', 103, 103, 1, NULL, 'en', '{"kind": "video", "file_id": "video-IX0PDxMUFkyz2Im6R0KWqi6yCaApDbzo", "link": "", "size": 20051, "seconds": 2.0}', '[]', '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}', NULL, 2, 3, true, @-20.395@);
INSERT INTO public.drafts VALUES ('TrNijVKBWdTBu1YC', 104, 104, 1, NULL, 'en', '{"kind": "video", "file_id": "video-6EqV9gBmZDaMMt018NzLWdU-67KwyC0N", "link": "", "size": 20047, "seconds": 2.0}', '[]', '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}', NULL, 2, 3, true, @-20.123@);
INSERT INTO public.drafts VALUES ('LB1_qfJslDfETFPa', 111, 111, 1, NULL, 'en', '{"kind": "video", "file_id": "video-jvapOlK4jAt5A1TILb-I0V9Zr1IWNMVV", "link": "", "size": 20022, "seconds": 2.0}', '[]', '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}', NULL, 2, 3, false, @-14.208@);
INSERT INTO public.drafts VALUES ('ZQjEk8tBCXD1MvH2', 106, 106, 1, NULL, 'en', '{"kind": "video", "file_id": "video-9cgZgsYChrQ7bpZOaobTmRiWtCE9wkJ7", "link": "", "size": 20048, "seconds": 2.0}', '[]', '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}', NULL, 2, 3, true, @-12.950@);
INSERT INTO public.drafts VALUES ('8uaCSpHSoL_8Ao23', 107, 107, 1, NULL, 'en', '{"kind": "video", "file_id": "video--5rsQsctQKuoJcU6ipc2ZUCKbufL1X7V", "link": "", "size": 20054, "seconds": 2.0}', '[]', '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}', NULL, 2, 3, true, @-13.173@);
INSERT INTO public.drafts VALUES ('yUsJgRKcD1gAbH4p', 108, 108, 1, NULL, 'en', '{"kind": "video", "file_id": "video-S4DnfwnVk0GG-lH5CYwolM0e0I2CIllL", "link": "", "size": 20022, "seconds": 2.0}', '[]', '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}', NULL, 2, 3, true, @-13.890@);
INSERT INTO public.drafts VALUES ('AGg-HKmK_t9Q7Fjw', 109, 109, 1, NULL, 'en', '{"kind": "video", "file_id": "video-m2qjtAS4ks0a0gNY6Vzgzlk9-cfXV-G0", "link": "", "size": 20022, "seconds": 2.0}', '[]', '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}', NULL, 2, 3, true, @-13.511@);
INSERT INTO public.jobs VALUES ('_SKjMo8XALqP1kUB', 'draft:JDNIwHmL24eA9L1S', 103, 103, NULL, 1, 'en', '{"clip": {"kind": "video", "file_id": "video-IX0PDxMUFkyz2Im6R0KWqi6yCaApDbzo", "link": "", "size": 20051, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}', 'running', 'fetch', 4, true, 0, 0, '0:00', 0, 0, @-20.180@, @-20.166@, NULL, NULL, NULL, NULL, NULL, false, 0);
INSERT INTO public.jobs VALUES ('6VBS-cLhrDVopn8I', 'draft:W674OhMtaEP7TAod', 101, 101, NULL, 3, 'ru', '{"clip": {"kind": "video", "file_id": "video-Ek2KO_9d-ys-PIGSMH_i8eOpdjiX99Vt", "link": "", "size": 20047, "seconds": 2.0}, "look": {"shape": "rounded", "corner": "bottom-right", "size": "large", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}', 'done', 'deliver', NULL, false, 0, 0, '4:00', 0, 0, @-26.608@, @-26.543@, NULL, @-23.688@, NULL, 7, 'video-8fHwf-PofzufKW1oJaEABqCBmJRIRxRk', false, 0);
INSERT INTO public.jobs VALUES ('GJ8CxKvWWjf_-4v5', 'draft:ZQjEk8tBCXD1MvH2', 106, 106, NULL, 1, 'en', '{"clip": {"kind": "video", "file_id": "video-9cgZgsYChrQ7bpZOaobTmRiWtCE9wkJ7", "link": "", "size": 20048, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}', 'running', 'mattes', 4, false, 0, 0, '2:06', 0, 0, @-12.454@, @-12.419@, NULL, NULL, NULL, NULL, NULL, false, 0);
INSERT INTO public.jobs VALUES ('0kilpwg8jPcg3GXP', 'draft:KBU479DYZYJ9aIqt', 102, 102, NULL, 1, 'en', '{"clip": {"kind": "video", "file_id": "video-JNr0EsoluhujAHsKkSKCC_hBIifvGAzB", "link": "", "size": 20047, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}', 'running', 'deliver', 4, false, 0, 0, '4:00', 0, 0, @-23.215@, @-23.174@, NULL, NULL, NULL, 5, 'video-c6l63uujQUl3VV0kQ0iBgsJyNh4Wj41L', false, 0);
INSERT INTO public.jobs VALUES ('itrj_yG1yD_WEpc_', 'draft:TrNijVKBWdTBu1YC', 104, 104, NULL, 1, 'en', '{"clip": {"kind": "video", "file_id": "video-6EqV9gBmZDaMMt018NzLWdU-67KwyC0N", "link": "", "size": 20047, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}', 'running', 'deliver', 4, false, 0, 0, '4:00', 0, 0, @-19.830@, @-19.782@, NULL, NULL, NULL, NULL, NULL, false, 0);
INSERT INTO public.jobs VALUES ('OFwP7MSJ7H2QmmuZ', 'draft:yUsJgRKcD1gAbH4p', 108, 108, NULL, 1, 'en', '{"clip": {"kind": "video", "file_id": "video-S4DnfwnVk0GG-lH5CYwolM0e0I2CIllL", "link": "", "size": 20022, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}', 'running', 'fetch', 4, false, 0, 0, '0:00', 0, 0, @-11.606@, @-11.557@, NULL, NULL, NULL, NULL, NULL, false, 0);
INSERT INTO public.jobs VALUES ('L14e_UWWYEzefY1v', 'form:6VBS-cLhrDVopn8I:video:b76824abe42c9a21', 101, 101, NULL, 3, 'ru', '{"clip": {"kind": "video", "file_id": "video-Ek2KO_9d-ys-PIGSMH_i8eOpdjiX99Vt", "link": "", "size": 20047, "seconds": 2.0}, "look": {"shape": "rounded", "corner": "top-left", "size": "large", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": "6VBS-cLhrDVopn8I"}', 'waiting', '', NULL, false, 0, 0, '', 0, 0, @-11.460@, NULL, NULL, NULL, NULL, NULL, NULL, false, 0);
INSERT INTO public.jobs VALUES ('6PPwamCQes4cD047', 'draft:AGg-HKmK_t9Q7Fjw', 109, 109, NULL, 1, 'en', '{"clip": {"kind": "video", "file_id": "video-m2qjtAS4ks0a0gNY6Vzgzlk9-cfXV-G0", "link": "", "size": 20022, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}', 'waiting', '', 4, false, 0, 0, '', 0, 0, @-11.522@, NULL, NULL, NULL, NULL, NULL, NULL, false, 0);
INSERT INTO public.jobs VALUES ('9Rwy33v5mUqo4jbn', 'draft:ETNU_I07BiwY41Ce', 105, 105, NULL, 1, 'en', '{"clip": {"kind": "video", "file_id": "video-_zZSA1fqxaetWEeUKkv-S_PVaOsPovv-", "link": "", "size": 20050, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "file", "colour": "#1d3557", "source": {"kind": "photo", "file_id": "photo-QM7stt3OOB85dcRJ6hHMTj7MfB2HoDmZ", "link": "", "size": 693, "seconds": null}}, "engine": "mediapipe"}, "form": "video", "mattes": null}', 'running', 'compose', 5, false, 0, 0, '3:00', 0, 0, @-15.246@, @-15.220@, NULL, NULL, NULL, NULL, NULL, false, 0);
INSERT INTO public.jobs VALUES ('ZMGEp3durcXQbgVS', 'draft:8uaCSpHSoL_8Ao23', 107, 107, NULL, 1, 'en', '{"clip": {"kind": "video", "file_id": "video--5rsQsctQKuoJcU6ipc2ZUCKbufL1X7V", "link": "", "size": 20054, "seconds": 2.0}, "look": {"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}, "form": "video", "mattes": null}', 'parked', 'mattes', 4, false, 0, 0, '2:00', @3.302@, 1, @-12.121@, @-12.082@, @-11.698@, NULL, NULL, NULL, NULL, false, 0);
INSERT INTO public.knobs VALUES ('places', '{"names": ["modal", "local-cpu"], "off": ["modal"]}');
INSERT INTO public.measures VALUES (1, '6VBS-cLhrDVopn8I', 'plan', 'local', 0.1618062289999216, 0, @-26.319@);
INSERT INTO public.measures VALUES (2, '6VBS-cLhrDVopn8I', 'mattes', 'local-cpu', 2.2340049220001674, 0, @-24.007@);
INSERT INTO public.measures VALUES (3, '6VBS-cLhrDVopn8I', 'compose', 'local', 0.20630346500001906, 0, @-23.764@);
INSERT INTO public.measures VALUES (4, '0kilpwg8jPcg3GXP', 'plan', 'local', 0.2100119189999532, 0, @-22.937@);
INSERT INTO public.measures VALUES (5, '0kilpwg8jPcg3GXP', 'mattes', 'local-cpu', 2.1702916989997902, 0, @-20.738@);
INSERT INTO public.measures VALUES (6, '0kilpwg8jPcg3GXP', 'compose', 'local', 0.2630498409998836, 0, @-20.432@);
INSERT INTO public.measures VALUES (7, 'itrj_yG1yD_WEpc_', 'plan', 'local', 0.15787148800018258, 0, @-19.564@);
INSERT INTO public.measures VALUES (8, 'itrj_yG1yD_WEpc_', 'mattes', 'local-cpu', 2.124921032000202, 0, @-17.417@);
INSERT INTO public.measures VALUES (9, 'itrj_yG1yD_WEpc_', 'compose', 'local', 0.20571614600021348, 0, @-17.181@);
INSERT INTO public.measures VALUES (10, '9Rwy33v5mUqo4jbn', 'plan', 'local', 0.21245585900032893, 0, @-14.978@);
INSERT INTO public.measures VALUES (11, '9Rwy33v5mUqo4jbn', 'mattes', 'local-cpu', 0.1556441780003297, 0, @-14.789@);
INSERT INTO public.measures VALUES (12, 'GJ8CxKvWWjf_-4v5', 'plan', 'local', 0.15581962199985355, 0, @-12.210@);
INSERT INTO public.measures VALUES (13, 'ZMGEp3durcXQbgVS', 'plan', 'local', 0.15375520799989317, 0, @-11.893@);
INSERT INTO public.measures VALUES (14, 'ZMGEp3durcXQbgVS', 'mattes', 'local-cpu', 0.15763347699976293, 0, @-11.708@);
INSERT INTO public.people VALUES (101, 'ru', '{"shape": "rounded", "corner": "bottom-right", "size": "large", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO public.people VALUES (102, NULL, '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO public.people VALUES (103, NULL, '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO public.people VALUES (104, NULL, '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO public.people VALUES (105, NULL, '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "file", "colour": "#1d3557", "source": {"kind": "photo", "file_id": "photo-QM7stt3OOB85dcRJ6hHMTj7MfB2HoDmZ", "link": "", "size": 693, "seconds": null}}, "engine": "mediapipe"}');
INSERT INTO public.people VALUES (110, NULL, '{"shape": "rect", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO public.people VALUES (106, NULL, '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO public.people VALUES (107, NULL, '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO public.people VALUES (108, NULL, '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO public.people VALUES (109, NULL, '{"shape": "circle", "corner": "bottom-right", "size": "medium", "ring": "none", "backdrop": {"kind": "colour", "colour": "#1d3557", "source": null}, "engine": "mediapipe"}');
INSERT INTO public.schema_version VALUES (1, 1);
SELECT pg_catalog.setval('public.measures_id_seq', 14, true);
ALTER TABLE ONLY dbos.application_versions
    ADD CONSTRAINT application_versions_pkey PRIMARY KEY (version_id);
ALTER TABLE ONLY dbos.application_versions
    ADD CONSTRAINT application_versions_version_name_key UNIQUE (version_name);
ALTER TABLE ONLY dbos.dbos_migrations
    ADD CONSTRAINT dbos_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY dbos.event_dispatch_kv
    ADD CONSTRAINT event_dispatch_kv_pkey PRIMARY KEY (service_name, workflow_fn_name, key);
ALTER TABLE ONLY dbos.notifications
    ADD CONSTRAINT notifications_pkey PRIMARY KEY (message_uuid);
ALTER TABLE ONLY dbos.operation_outputs
    ADD CONSTRAINT operation_outputs_pkey PRIMARY KEY (workflow_uuid, function_id);
ALTER TABLE ONLY dbos.queues
    ADD CONSTRAINT queues_name_key UNIQUE (name);
ALTER TABLE ONLY dbos.queues
    ADD CONSTRAINT queues_pkey PRIMARY KEY (queue_id);
ALTER TABLE ONLY dbos.streams
    ADD CONSTRAINT streams_pkey PRIMARY KEY (workflow_uuid, key, "offset");
ALTER TABLE ONLY dbos.workflow_events_history
    ADD CONSTRAINT workflow_events_history_pkey PRIMARY KEY (workflow_uuid, function_id, key);
ALTER TABLE ONLY dbos.workflow_events
    ADD CONSTRAINT workflow_events_pkey PRIMARY KEY (workflow_uuid, key);
ALTER TABLE ONLY dbos.workflow_input
    ADD CONSTRAINT workflow_input_pkey PRIMARY KEY (workflow_uuid);
ALTER TABLE ONLY dbos.workflow_output
    ADD CONSTRAINT workflow_output_pkey PRIMARY KEY (workflow_uuid);
ALTER TABLE ONLY dbos.workflow_schedules
    ADD CONSTRAINT workflow_schedules_pkey PRIMARY KEY (schedule_id);
ALTER TABLE ONLY dbos.workflow_schedules
    ADD CONSTRAINT workflow_schedules_schedule_name_key UNIQUE (schedule_name);
ALTER TABLE ONLY dbos.workflow_status
    ADD CONSTRAINT workflow_status_pkey PRIMARY KEY (workflow_uuid);
ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.draft_messages
    ADD CONSTRAINT draft_messages_pkey PRIMARY KEY (chat, message);
ALTER TABLE ONLY public.drafts
    ADD CONSTRAINT drafts_chat_album_key UNIQUE (chat, album);
ALTER TABLE ONLY public.drafts
    ADD CONSTRAINT drafts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_origin_key UNIQUE (origin);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.knobs
    ADD CONSTRAINT knobs_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.measures
    ADD CONSTRAINT measures_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.people
    ADD CONSTRAINT people_pkey PRIMARY KEY ("user");
ALTER TABLE ONLY public.schema_version
    ADD CONSTRAINT schema_version_pkey PRIMARY KEY ("only");
CREATE INDEX idx_application_versions_owner_timestamp ON dbos.application_versions USING btree (application_name, version_timestamp DESC);
CREATE INDEX idx_application_versions_timestamp ON dbos.application_versions USING btree (version_timestamp DESC);
CREATE INDEX idx_operation_outputs_completed_at_function_name_v2 ON dbos.operation_outputs USING btree (completed_at_epoch_ms, function_name) INCLUDE (application_name);
CREATE INDEX idx_operation_outputs_retention ON dbos.operation_outputs USING btree (retention_timestamp);
CREATE INDEX idx_workflow_input_retention ON dbos.workflow_input USING btree (retention_timestamp);
CREATE INDEX idx_workflow_output_retention ON dbos.workflow_output USING btree (retention_timestamp);
CREATE INDEX idx_workflow_status_attributes ON dbos.workflow_status USING gin (attributes) WHERE (attributes IS NOT NULL);
CREATE INDEX idx_workflow_status_completed_at ON dbos.workflow_status USING btree (completed_at) WHERE (completed_at IS NOT NULL);
CREATE INDEX idx_workflow_status_deadline ON dbos.workflow_status USING btree (workflow_deadline_epoch_ms) WHERE ((status = ANY (ARRAY['ENQUEUED'::text, 'PENDING'::text, 'DELAYED'::text])) AND (workflow_deadline_epoch_ms IS NOT NULL));
CREATE INDEX idx_workflow_status_delayed ON dbos.workflow_status USING btree (delay_until_epoch_ms) WHERE (status = 'DELAYED'::text);
CREATE INDEX idx_workflow_status_failed ON dbos.workflow_status USING btree (status, created_at) WHERE (status = ANY (ARRAY['ERROR'::text, 'CANCELLED'::text, 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'::text]));
CREATE INDEX idx_workflow_status_forked_from ON dbos.workflow_status USING btree (forked_from) WHERE (forked_from IS NOT NULL);
CREATE INDEX idx_workflow_status_in_flight_v2 ON dbos.workflow_status USING btree (queue_name, status, priority, created_at) INCLUDE (application_name) WHERE (status = ANY (ARRAY['ENQUEUED'::text, 'PENDING'::text]));
CREATE INDEX idx_workflow_status_parent_workflow_id ON dbos.workflow_status USING btree (parent_workflow_id) WHERE (parent_workflow_id IS NOT NULL);
CREATE INDEX idx_workflow_status_partition_dequeue_v3 ON dbos.workflow_status USING btree (queue_name, status, queue_partition_key, priority, created_at, workflow_uuid) INCLUDE (application_name) WHERE ((status = ANY (ARRAY['ENQUEUED'::text, 'PENDING'::text])) AND (queue_partition_key IS NOT NULL));
CREATE INDEX idx_workflow_status_pending ON dbos.workflow_status USING btree (created_at) WHERE (status = 'PENDING'::text);
CREATE INDEX idx_workflow_status_rate_limited ON dbos.workflow_status USING btree (queue_name, started_at_epoch_ms) WHERE (rate_limited = true);
CREATE INDEX idx_workflow_status_schedule_name ON dbos.workflow_status USING btree (schedule_name) WHERE (schedule_name IS NOT NULL);
CREATE INDEX idx_workflow_status_started_at ON dbos.workflow_status USING btree (started_at_epoch_ms) WHERE (started_at_epoch_ms IS NOT NULL);
CREATE INDEX idx_workflow_topic ON dbos.notifications USING btree (destination_uuid, topic);
CREATE UNIQUE INDEX uq_application_versions_owner_version ON dbos.application_versions USING btree (application_name, version_name) WHERE (application_name IS NOT NULL);
CREATE UNIQUE INDEX uq_application_versions_unclaimed_version ON dbos.application_versions USING btree (version_name) WHERE (application_name IS NULL);
CREATE UNIQUE INDEX uq_workflow_status_dedup_id ON dbos.workflow_status USING btree (queue_name, deduplication_id) WHERE (deduplication_id IS NOT NULL);
CREATE INDEX workflow_status_created_at_index ON dbos.workflow_status USING btree (created_at);
CREATE INDEX ix_draft_messages_seen ON public.draft_messages USING btree (seen);
CREATE INDEX ix_drafts_user ON public.drafts USING btree ("user");
CREATE INDEX ix_jobs_state ON public.jobs USING btree (state);
CREATE INDEX ix_jobs_user ON public.jobs USING btree ("user");
CREATE INDEX ix_measures_at ON public.measures USING btree (at);
CREATE INDEX ix_measures_job ON public.measures USING btree (job);
CREATE TRIGGER dbos_notifications_trigger AFTER INSERT ON dbos.notifications FOR EACH ROW EXECUTE FUNCTION dbos.notifications_function();
ALTER TABLE ONLY dbos.notifications
    ADD CONSTRAINT notifications_destination_uuid_fkey FOREIGN KEY (destination_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY dbos.streams
    ADD CONSTRAINT streams_workflow_uuid_fkey FOREIGN KEY (workflow_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY dbos.workflow_events_history
    ADD CONSTRAINT workflow_events_history_workflow_uuid_fkey FOREIGN KEY (workflow_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY dbos.workflow_events
    ADD CONSTRAINT workflow_events_workflow_uuid_fkey FOREIGN KEY (workflow_uuid) REFERENCES dbos.workflow_status(workflow_uuid) ON UPDATE CASCADE ON DELETE CASCADE;
