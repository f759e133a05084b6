package polymarket.backfill.job;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A field of a job's definition, routes/jobs/NAME.job.yaml. The field's type is the annotated
 * field's, and its default is that field's value in a new {@link Job}. The reader of the files,
 * docs/job-definition.schema.json and docs/JOB-DEFINITION.md are all generated from it.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.FIELD)
@interface JobField {

  /** The meaning of the field, as a sentence without its full stop. */
  String title();

  /** An example value in YAML. */
  String example();

  /** Whether a definition without it is rejected. */
  boolean required() default false;

  /** The allowed texts; if empty, any text is allowed. */
  String[] choices() default {};
}
