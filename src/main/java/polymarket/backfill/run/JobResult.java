package polymarket.backfill.run;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonUnwrapped;

/**
 * How one job's run ended, as {@code --json} prints it.
 *
 * @param exitCode of the whole run, of which this job may have been one of several
 * @param reason in one line; null where nothing is to be said
 */
public record JobResult(
    @JsonUnwrapped JobStatus status, @JsonProperty("exit_code") int exitCode, String reason) {}
