"""Storages in buckets, and storages that annotations are written to."""

import django.db.models.deletion
import predictions_api.postgres.spread.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('predictions', '0003_storage'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='imageroot',
            name='is_writable',
            field=models.BooleanField(db_default=False, default=False, help_text='Export storages may write into it.'),
        ),
        migrations.AddField(
            model_name='importstorage',
            name='bucket',
            field=models.CharField(blank=True, db_default='', default='', max_length=255),
        ),
        migrations.AddField(
            model_name='importstorage',
            name='kind',
            field=models.CharField(choices=[('localfiles', 'Local'), ('s3', 'S3')], db_default='localfiles', default='localfiles', max_length=16),
        ),
        migrations.AddField(
            model_name='importstorage',
            name='kms_key_id',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
        migrations.AddField(
            model_name='importstorage',
            name='prefix',
            field=models.TextField(blank=True, db_default='', default='', help_text='Of names in it.'),
        ),
        migrations.AddField(
            model_name='importstorage',
            name='presign',
            field=models.BooleanField(db_default=True, default=True, help_text="Browsers get the bucket's files from the bucket; else from this server."),
        ),
        migrations.AddField(
            model_name='importstorage',
            name='presign_ttl',
            field=models.PositiveSmallIntegerField(db_default=1, default=1, help_text='Minutes for which such an address works.'),
        ),
        migrations.AddField(
            model_name='importstorage',
            name='region_name',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
        migrations.AddField(
            model_name='importstorage',
            name='s3_endpoint',
            field=models.TextField(blank=True, db_default='', default='', help_text="The service; empty: Amazon's."),
        ),
        migrations.AddField(
            model_name='importstorage',
            name='sealed_keys',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
        # Not as Django does it, which makes the foreign key anew, without what a deletion does.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name='importstorage',
                    name='root',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='predictions.imageroot'),
                ),
            ],
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE predictions_importstorage ALTER COLUMN root_id DROP NOT NULL",
                    migrations.RunSQL.noop,
                ),
            ],
        ),
        migrations.CreateModel(
            name='ExportStorage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('localfiles', 'Local'), ('s3', 'S3')], db_default='localfiles', default='localfiles', max_length=16)),
                ('folder', models.TextField(blank=True, default='', help_text='Below the root, with forward slashes; empty: the root.')),
                ('bucket', models.CharField(blank=True, db_default='', default='', max_length=255)),
                ('prefix', models.TextField(blank=True, db_default='', default='', help_text='Of names in it.')),
                ('region_name', models.CharField(blank=True, db_default='', default='', max_length=64)),
                ('s3_endpoint', models.TextField(blank=True, db_default='', default='', help_text="The service; empty: Amazon's.")),
                ('kms_key_id', models.TextField(blank=True, db_default='', default='')),
                ('sealed_keys', models.TextField(blank=True, db_default='', default='')),
                ('title', models.CharField(blank=True, max_length=2048, null=True)),
                ('description', models.TextField(blank=True, null=True)),
                ('synchronizable', models.BooleanField(default=True)),
                ('status', models.CharField(choices=[('initialized', 'Initialized'), ('queued', 'Queued'), ('in_progress', 'In Progress'), ('completed', 'Completed'), ('completed_with_errors', 'With Errors'), ('failed', 'Failed')], default='initialized', max_length=32)),
                ('last_sync', models.DateTimeField(blank=True, null=True)),
                ('last_sync_count', models.PositiveIntegerField(blank=True, null=True)),
                ('traceback', models.TextField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('lease_owner', models.UUIDField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('n_queued', models.PositiveSmallIntegerField(default=0)),
                ('can_delete_objects', models.BooleanField(default=False, help_text='Files of annotations that are gone are deleted.')),
                ('regex_filter', models.TextField(blank=True, null=True)),
                ('use_blob_urls', models.BooleanField(default=False)),
                ('position', models.BigIntegerField(default=0, help_text='The task up to which the synchronisation under way has come.')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='export_storages', to='predictions.project')),
                ('root', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='predictions.imageroot')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ExportedAnnotation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slot', predictions_api.postgres.spread.fields.SlotField(editable=False)),
                ('annotation_id', models.BigIntegerField()),
                ('storage', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='predictions.exportstorage')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('storage', 'annotation_id', 'slot'), name='predictions_exportedannotation_storage_annotation_uniq')],
            },
        ),
    ]
